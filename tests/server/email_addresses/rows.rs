//! Addresses listed and added.

use super::*;

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
async fn pagination_links_keep_other_parameters_sorted() {
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
async fn empty_limit_returns_all_rows() {
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
async fn added_address_is_lower_case_unverified_and_not_primary() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    let body = json!({
        "email": " New.Amy@Example.COM ", "user": amy.pk, "verified": true, "primary": true,
    });
    let response =
        contract::lenient("blanks around an address are cut off", amy.post("emails/", body)).await;
    assert_eq!(response.status, 201);
    let id = response.json()["id"].as_i64().unwrap();
    let row = json!({
        "id": id, "email": "new.amy@example.com", "verified": false, "primary": false,
        "user": amy.pk,
    });
    assert_eq!(response.json(), row);
    assert_eq!(amy.rows().await, [row]);
    assert_eq!(amy.email().await, "");
}

#[tokio::test]
async fn adding_sends_no_email() {
    let server = TestServer::start().await;
    let amy = Person::new(&server, "amy", "").await;
    amy.add("quiet@example.com").await;
    // Email is sent in order: one for the first address would come first.
    let asked = amy.add("asked@example.com").await;
    amy.act(asked, "verify").await;
    assert_eq!(server.take_mails(1).await[0].to, "asked@example.com");
}

#[tokio::test]
async fn address_cannot_be_added_to_another_account() {
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
        let response =
            amy.post("emails/", json!({ "email": "new@example.com", "user": user })).await;
        assert_eq!((response.status, response.json()), (400, json!({ "user": [message] })));
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
        let response = amy.post("emails/", json!({ "email": email, "user": amy.pk })).await;
        let message =
            json!({ "non_field_errors": ["The fields user, email must make a unique set."] });
        assert_eq!((response.status, response.json()), (400, message));
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
    let response = amy.post("emails/", json!({ "email": "BOB@example.com", "user": amy.pk })).await;
    let message =
        json!({ "non_field_errors": ["Constraint “unique_verified_email” is violated."] });
    assert_eq!((response.status, response.json()), (400, message));
    amy.add("cat@example.com").await;
}
