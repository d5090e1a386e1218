//! Email addresses: list, add, make primary, remove.

use reqwest::Method;
use serde_json::{Value, json};
use test_support::{Answer, TestServer, confirmation_key, contract};

const UNVERIFIED_PRIMARY: &str =
    "An unverified email address cannot become the primary one. Verify it first.";

const PRIMARY_AMONG_OTHERS: &str = "The primary email address cannot be removed while there are \
    others. Make another one primary first.";

/// A user with a token.
pub(super) struct Person<'a> {
    pub(super) server: &'a TestServer,
    pub(super) token: String,
    pub(super) pk: i64,
    /// From the email of the registration, if any.
    pub(super) key: Option<String>,
}

impl<'a> Person<'a> {
    pub(super) async fn new(server: &'a TestServer, username: &str, email: &str) -> Person<'a> {
        let token = server.register(username, email).await;
        let key = if email.is_empty() {
            None
        } else {
            Some(confirmation_key(&server.take_mails(1).await[0]))
        };
        let mut person = Person { server, token, pk: 0, key };
        person.pk = person.get("user/").await.json()["pk"].as_i64().unwrap();
        person
    }

    /// A user whose primary address is confirmed.
    pub(super) async fn proved(server: &'a TestServer, username: &str, email: &str) -> Person<'a> {
        let person = Person::new(server, username, email).await;
        assert_eq!(confirm(server, person.key.as_deref().unwrap()).await.status, 200);
        person
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.server.get(path, &[("authorization", &self.token)]).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.server.post(path, &[("authorization", &self.token)], body).await
    }

    pub(super) async fn add(&self, email: &str) -> i64 {
        let answer = self.post("emails/", json!({ "email": email, "user": self.pk })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_i64().unwrap()
    }

    /// `verify`, `primary` or `remove`.
    pub(super) async fn act(&self, id: i64, action: &str) -> Answer {
        self.post(&format!("emails/{id}/{action}/"), Value::Null).await
    }

    /// Requests a new key for this row.
    pub(super) async fn key_for(&self, id: i64) -> String {
        assert_eq!(self.act(id, "verify").await.status, 200);
        confirmation_key(&self.server.take_mails(1).await[0])
    }

    pub(super) async fn add_proved(&self, email: &str) -> i64 {
        let id = self.add(email).await;
        let key = self.key_for(id).await;
        assert_eq!(confirm(self.server, &key).await.status, 200);
        id
    }

    pub(super) async fn rows(&self) -> Vec<Value> {
        self.get("emails/").await.json()["results"].as_array().unwrap().clone()
    }

    pub(super) async fn row(&self, id: i64) -> Value {
        self.rows().await.into_iter().find(|row| row["id"] == id).unwrap()
    }

    pub(super) async fn email(&self) -> String {
        self.get("user/").await.json()["email"].as_str().unwrap().to_owned()
    }
}

pub(super) async fn confirm(server: &TestServer, key: &str) -> Answer {
    server.post("registration/verify-email/", &[], json!({ "key": key })).await
}

pub(super) async fn resend(server: &TestServer, email: &str) -> Answer {
    server.post("registration/resend-email/", &[], json!({ "email": email })).await
}

fn emails(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn list_is_an_envelope_of_the_callers_rows_by_id() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let bob = Person::new(&server, "bob", "bob@example.com").await;
    let second = amy.add("zoe@example.com").await;
    let list = amy.get("emails/").await.json();
    let first = list["results"][0]["id"].as_i64().unwrap();
    assert!(first < second);
    assert_eq!(
        list,
        json!({ "count": 2, "next": null, "previous": null, "results": [
            {
                "id": first, "email": "amy@example.com", "verified": false, "primary": true,
                "user": amy.pk,
            },
            {
                "id": second, "email": "zoe@example.com", "verified": false, "primary": false,
                "user": amy.pk,
            },
        ]})
    );
    assert_eq!(bob.rows().await.len(), 1);
}

#[tokio::test]
async fn page_links_to_its_neighbours_and_keeps_other_parameters_sorted() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "a@example.com").await;
    for email in ["b@example.com", "c@example.com"] {
        amy.add(email).await;
    }
    let page = amy.get("emails/?zoo=1&limit=1&offset=1&alpha=2").await.json();
    assert_eq!(emails(&page["results"]), ["b@example.com"]);
    assert_eq!(page["count"], 3);
    assert_eq!(
        page["next"],
        "http://auth.example.com/api/auth/emails/?alpha=2&limit=1&offset=2&zoo=1"
    );
    assert_eq!(page["previous"], "http://auth.example.com/api/auth/emails/?alpha=2&limit=1&zoo=1");

    let last = amy.get("emails/?limit=2&offset=2").await.json();
    assert_eq!((&last["next"], emails(&last["results"])), (&Value::Null, vec!["c@example.com"]));
    let first = contract::lenient(
        "an offset that is no number is none",
        amy.get("emails/?limit=2&offset=minus"),
    )
    .await;
    let first = first.json();
    assert_eq!(
        (&first["previous"], emails(&first["results"])),
        (&Value::Null, vec!["a@example.com", "b@example.com"])
    );
    let beyond = amy.get("emails/?limit=2&offset=50").await.json();
    assert_eq!(beyond["previous"], "http://auth.example.com/api/auth/emails/?limit=2&offset=48");
    assert_eq!(beyond["results"], json!([]));
}

#[tokio::test]
async fn limit_that_says_nothing_gives_all_rows() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "a@example.com").await;
    amy.add("b@example.com").await;
    for query in [
        "offset=1",
        "limit=0&offset=1",
        "limit=-3&offset=1",
        "limit=abc&offset=1",
        "limit=&offset=1",
        "limit=9223372036854775807",
        "limit=123456789012345678901234&offset=123456789012345678901234",
    ] {
        let path = format!("emails/?{query}");
        let get = amy.get(&path);
        let is_number = !query.contains("abc") && !query.contains("limit=&");
        let page = if is_number {
            get.await
        } else {
            contract::lenient("a limit that is no number is none", get).await
        };
        let page = page.json();
        assert_eq!(page["results"].as_array().unwrap().len(), 2, "{query}");
        assert_eq!(
            (&page["count"], &page["next"], &page["previous"]),
            (&json!(2), &Value::Null, &Value::Null),
            "{query}"
        );
    }
}

#[tokio::test]
async fn added_address_is_lower_case_unproved_and_not_primary_whatever_is_said() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let body = json!({
        "email": " New.Amy@Example.COM ", "user": amy.pk, "verified": true, "primary": true,
    });
    let answer =
        contract::lenient("blanks around an address are cut off", amy.post("emails/", body)).await;
    assert_eq!(answer.status, 201);
    let id = answer.json()["id"].as_i64().unwrap();
    let row = json!({
        "id": id, "email": "new.amy@example.com", "verified": false, "primary": false,
        "user": amy.pk,
    });
    assert_eq!(answer.json(), row);
    assert_eq!(amy.rows().await, [row]);
    assert_eq!(amy.email().await, "");
}

#[tokio::test]
async fn adding_mails_nobody() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    amy.add("quiet@example.com").await;
    // Email is sent in order: one for the first address would come first.
    let asked = amy.add("asked@example.com").await;
    amy.act(asked, "verify").await;
    assert_eq!(server.take_mails(1).await[0].to, "asked@example.com");
}

#[tokio::test]
async fn address_cannot_be_added_to_somebody_else() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let bob = Person::new(&server, "bob", "").await;
    for (user, message) in [
        (json!(bob.pk), format!("Invalid pk \"{}\" - object does not exist.", bob.pk)),
        (json!(bob.pk.to_string()), format!("Invalid pk \"{}\" - object does not exist.", bob.pk)),
        (json!(987), "Invalid pk \"987\" - object does not exist.".to_owned()),
        (
            json!("123456789012345678901234"),
            "Invalid pk \"123456789012345678901234\" - object does not exist.".to_owned(),
        ),
        (json!("x"), "Incorrect type. Expected pk value, received str.".to_owned()),
        (json!(null), "This field may not be null.".to_owned()),
    ] {
        let answer = amy.post("emails/", json!({ "email": "new@example.com", "user": user })).await;
        assert_eq!((answer.status, answer.json()), (400, json!({ "user": [message] })));
    }
    let missing = amy.post("emails/", json!({ "email": "new@example.com" })).await;
    assert_eq!(
        (missing.status, missing.json()),
        (400, json!({ "user": ["This field is required."] }))
    );
    assert!(amy.rows().await.is_empty() && bob.rows().await.is_empty());
    let own = json!({ "email": "new@example.com", "user": amy.pk.to_string() });
    let own = contract::lenient("a key may be a text", amy.post("emails/", own)).await;
    assert_eq!(own.status, 201);
}

#[tokio::test]
async fn address_cannot_be_added_twice_in_any_case() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    amy.add("two@example.com").await;
    for email in ["two@example.com", "TWO@Example.com"] {
        let answer = amy.post("emails/", json!({ "email": email, "user": amy.pk })).await;
        let message =
            json!({ "non_field_errors": ["The fields user, email must make a unique set."] });
        assert_eq!((answer.status, answer.json()), (400, message));
    }
    assert_eq!(amy.rows().await.len(), 1);
}

#[tokio::test]
async fn tags_are_refused_and_control_characters_removed() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let tagged =
        amy.post("emails/", json!({ "email": "<b>amy</b>@example.com", "user": amy.pk })).await;
    let message = json!({ "email": ["Remove HTML tags from this value"] });
    assert_eq!((tagged.status, tagged.json()), (400, message));
    let controls =
        amy.post("emails/", json!({ "email": "a\u{7}m\0y@example.com", "user": amy.pk }));
    let controls = contract::lenient("control characters are removed", controls).await;
    assert_eq!((controls.status, &controls.json()["email"]), (201, &json!("amy@example.com")));
}

#[tokio::test]
async fn address_proved_elsewhere_is_refused_and_an_unproved_one_is_not() {
    let server = TestServer::start().await;
    Person::proved(&server, "bob", "bob@example.com").await;
    Person::new(&server, "cat", "cat@example.com").await;
    let amy = Person::new(&server, "amy", "").await;
    let answer = amy.post("emails/", json!({ "email": "BOB@example.com", "user": amy.pk })).await;
    let message =
        json!({ "non_field_errors": ["Constraint “unique_verified_email” is violated."] });
    assert_eq!((answer.status, answer.json()), (400, message));
    amy.add("cat@example.com").await;
}

#[tokio::test]
async fn verify_mails_an_unproved_row_and_answers_with_it() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let id = amy.add("New@example.com").await;
    let answer = amy.act(id, "verify").await;
    assert_eq!((answer.status, answer.json()), (200, amy.row(id).await));
    let mail = &server.take_mails(1).await[0];
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("new@example.com", "[InvenTree] Please Confirm Your Email Address")
    );
    assert!(mail.text.contains("http://auth.example.com/accounts/confirm-email/"), "{}", mail.text);
    assert_eq!(amy.row(id).await["verified"], false);
}

#[tokio::test]
async fn verify_mails_nothing_to_a_proved_row() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let proved = amy.rows().await[0].clone();
    let answer = amy.act(proved["id"].as_i64().unwrap(), "verify").await;
    assert_eq!((answer.status, answer.json()), (200, proved));
    let other = amy.add("other@example.com").await;
    amy.act(other, "verify").await;
    assert_eq!(server.take_mails(1).await[0].to, "other@example.com");
}

#[tokio::test]
async fn unproved_address_cannot_become_primary() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let id = amy.add("other@example.com").await;
    let answer = amy.act(id, "primary").await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "detail": UNVERIFIED_PRIMARY })));
    assert_eq!(amy.row(id).await["primary"], false);
    assert_eq!(amy.email().await, "amy@example.com");
}

#[tokio::test]
async fn own_address_follows_the_primary_row() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let first = amy.rows().await[0]["id"].as_i64().unwrap();
    let second = amy.add_proved("second@example.com").await;
    assert_eq!(amy.email().await, "amy@example.com");
    let answer = amy.act(second, "primary").await;
    assert_eq!((answer.status, answer.json()), (200, amy.row(second).await));
    assert_eq!(amy.row(second).await["primary"], true);
    assert_eq!(amy.row(first).await["primary"], false);
    assert_eq!(amy.email().await, "second@example.com");
    // A repetition changes nothing.
    assert_eq!(amy.act(second, "primary").await.status, 200);
    assert_eq!(amy.email().await, "second@example.com");
}

#[tokio::test]
async fn first_proved_address_becomes_primary_by_itself() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let id = amy.add_proved("amy@example.com").await;
    let row = amy.row(id).await;
    assert_eq!((&row["verified"], &row["primary"]), (&json!(true), &json!(true)));
    assert_eq!(amy.email().await, "amy@example.com");
}

#[tokio::test]
async fn primary_address_stays_while_there_are_others() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let first = amy.rows().await[0]["id"].as_i64().unwrap();
    let second = amy.add("second@example.com").await;
    let refused = amy.act(first, "remove").await;
    assert_eq!((refused.status, refused.json()), (400, json!({ "detail": PRIMARY_AMONG_OTHERS })));
    assert_eq!(amy.rows().await.len(), 2);

    let row = amy.row(second).await;
    let removed = amy.act(second, "remove").await;
    assert_eq!((removed.status, removed.json()), (200, row));
    assert_eq!(removed.json()["id"], second);
    assert_eq!(amy.email().await, "amy@example.com");
}

#[tokio::test]
async fn own_address_goes_with_the_last_row() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    let row = amy.rows().await[0].clone();
    let removed = amy.act(row["id"].as_i64().unwrap(), "remove").await;
    assert_eq!((removed.status, removed.json()), (200, row));
    assert!(amy.rows().await.is_empty());
    assert_eq!(amy.email().await, "");
}

#[tokio::test]
async fn rows_of_others_do_not_exist() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let bob = Person::proved(&server, "bob", "bob@example.com").await;
    let other = bob.add_proved("other@example.com").await;
    let before = bob.rows().await;
    for id in [
        other.to_string(),
        "0".to_owned(),
        "99999".to_owned(),
        "123456789012345678901234".to_owned(),
    ] {
        for action in ["verify", "primary", "remove"] {
            let answer = amy.post(&format!("emails/{id}/{action}/"), Value::Null).await;
            assert_eq!(
                (answer.status, answer.json()),
                (404, json!({ "detail": "Not found." })),
                "{id} {action}"
            );
        }
    }
    assert_eq!(bob.rows().await, before);
}

#[tokio::test]
async fn addresses_are_for_signed_in_callers() {
    let server = TestServer::start().await;
    for (method, path) in [
        (Method::GET, "emails/"),
        (Method::POST, "emails/"),
        (Method::POST, "emails/1/verify/"),
        (Method::POST, "emails/1/primary/"),
        (Method::POST, "emails/1/remove/"),
    ] {
        let answer = server.send(method, path, &[], Value::Null).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(
            answer.json(),
            json!({ "detail": "Authentication credentials were not provided." })
        );
    }
}

#[tokio::test]
async fn account_has_so_many_addresses_as_the_settings_say() {
    let server = TestServer::with(&[("MAX_EMAIL_ADDRESSES", "3")]).await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let second = amy.add("b@example.com").await;
    amy.add("c@example.com").await;
    let add =
        async |email: &str| amy.post("emails/", json!({ "email": email, "user": amy.pk })).await;
    let full =
        json!({ "non_field_errors": ["An account can have no more than 3 email addresses."] });
    let answer = add("d@example.com").await;
    assert_eq!((answer.status, answer.json()), (400, full));
    // A duplicate gets its usual error, and a removed address makes room.
    let twice = json!({ "non_field_errors": ["The fields user, email must make a unique set."] });
    assert_eq!(add("b@example.com").await.json(), twice);
    assert_eq!(amy.act(second, "remove").await.status, 200);
    assert_eq!(add("d@example.com").await.status, 201);
}

#[tokio::test]
async fn account_of_an_earlier_version_with_many_addresses_is_listed_in_pages() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let pk = amy.pk;
    let fill = server.app().store.write(move |w| {
        (0..1500).try_for_each(|n| {
            w.email_address_insert(pk, &format!("{n}@example.com"), false, false).map(|_| ())
        })
    });
    fill.await.map_err(|e: inventree_auth::store::StoreError| e.to_string()).unwrap();
    for path in ["emails/", "emails/?limit=5000"] {
        let page = amy.get(path).await.json();
        assert_eq!(
            (&page["count"], emails(&page["results"]).len()),
            (&json!(1501), 1000),
            "{path}"
        );
        assert_eq!(page["next"], "http://auth.example.com/api/auth/emails/?limit=1000&offset=1000");
    }
    let last = amy.get("emails/?limit=1000&offset=1000").await.json();
    assert_eq!((emails(&last["results"]).len(), &last["next"]), (501, &json!(null)));
}

#[tokio::test]
async fn address_of_a_closed_account_is_not_confirmed() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "amy@example.com").await;
    let pk = amy.pk;
    let set = |is_active| server.app().store.write(move |w| w.account_set_active(pk, is_active));
    set(false).await.unwrap();
    assert_eq!(confirm(&server, amy.key.as_deref().unwrap()).await.status, 404);
    set(true).await.unwrap();
    assert_eq!(confirm(&server, amy.key.as_deref().unwrap()).await.status, 200);
}

#[tokio::test]
async fn proved_addresses_are_told_of_a_new_one() {
    let server = TestServer::start().await;
    let amy = Person::proved(&server, "amy", "amy@example.com").await;
    amy.add_proved("second@example.com").await;
    let mail = server.take_mails(1).await.remove(0);
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        ("amy@example.com", "[InvenTree] An Email Address Was Added")
    );
    for line in
        ["    amy", "    second@example.com", "    2026-03-01 12:00 UTC", "    from 127.0.0.1"]
    {
        assert!(mail.text.lines().any(|found| found == line), "{line}: {}", mail.text);
    }
    // No link with a key, only the account page.
    let links: Vec<&str> = mail.text.lines().filter(|line| line.contains("http")).collect();
    assert_eq!(links, ["http://auth.example.com/platform/"]);
}
