//! The client of a second document in one crate: paths, further bodies, odd names.

mod recorder;

use courier::depot::{Client, Credentials, Error, multipart, types};
use recorder::Recorder;

fn shelf() -> types::Shelf {
    serde_json::from_str(r#"{"name": "a b", "sizes": [0.1, 2.5]}"#).unwrap()
}

/// Each would lead to another path, such as that of all shelves.
#[tokio::test]
async fn path_values_that_change_the_path_are_refused() {
    let server = Recorder::start().await;
    let client = Client::new(&server.url);
    for id in ["", ".", ".."] {
        let refused = client.shelf(id, None).await.unwrap_err();
        let says = "Invalid Request: the segment of id in the path must not be empty, `.` or `..`";
        assert_eq!(refused.to_string(), says);
    }
    let refused = client.parts(".", "", &shelf()).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidRequest(_)), "{refused}");
    assert!(server.seen().is_empty());
    for (id, written) in [
        ("a/b", "a%2Fb"),
        ("../..", "..%2F.."),
        ("..\\..", "..%5C.."),
        ("%2e%2e", "%252e%252e"),
        ("a?b#c", "a%3Fb%23c"),
        ("...", "..."),
        ("ä", "%C3%A4"),
    ] {
        client.shelf(id, None).await.unwrap();
        assert_eq!(server.only().line, format!("GET /shelves/{written}"));
    }
}

#[tokio::test]
async fn empty_string_in_matrix_style_is_the_bare_name() {
    let server = Recorder::start().await;
    let empty: types::Shelf = serde_json::from_str(r#"{"name": ""}"#).unwrap();
    Client::new(&server.url).parts("x", "", &empty).await.unwrap();
    assert_eq!(server.only().line, "GET /parts/.x/;matrix/;name");
}

#[tokio::test]
async fn numbers_have_the_digits_of_their_type() {
    let server = Recorder::start().await;
    Client::new(&server.url).shelf("x", Some(0.1)).await.unwrap();
    assert_eq!(server.only().line, "GET /shelves/x?size=0.1");
}

/// The version of the document cannot be one.
#[tokio::test]
async fn version_header_is_omitted_if_its_value_is_invalid() {
    let server = Recorder::start().await;
    Client::new(&server.url).shelf("x", None).await.unwrap();
    assert_eq!(server.only().header("api-version"), None);
}

#[tokio::test]
async fn additional_content_types_of_a_body_have_methods() {
    let server = Recorder::start().await;
    let client = Client::new(&server.url);
    client.put_shelf("x", &shelf()).await.unwrap();
    let request = server.only();
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.text(), r#"{"name":"a b","sizes":[0.1,2.5]}"#);
    client.put_shelf_bytes("x", "name\na b\n").await.unwrap();
    let request = server.only();
    assert_eq!(request.line, "PUT /shelves/x");
    assert_eq!(request.header("content-type"), Some("text/csv"));
    assert_eq!(request.text(), "name\na b\n");
    let photo = Some(multipart::File::new("PNG"));
    client.send_photo(multipart::SendPhotoForm { photo }).await.unwrap();
    assert!(server.only().header("content-type").unwrap().starts_with("multipart/form-data"));
    client.send_photo_json(&shelf()).await.unwrap();
    assert_eq!(server.only().header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn argument_names_may_collide_with_generated_code() {
    let server = Recorder::start().await;
    let client = Client::new(&server.url);
    let a = Some("a");
    client
        .post_send_target(Some("t"), Some("e"), Some("f"), Some("r"), Some("s"), a, &shelf())
        .await
        .unwrap();
    let request = server.only();
    assert_eq!(request.line, "POST /names?Target=t&encode_path=e&form_fields=f&response=r&self=s");
    assert_eq!(request.header("style"), a);
    assert_eq!(request.text(), "name=a%20b&sizes=0.1&sizes=2.5");
}

#[tokio::test]
async fn user_name_with_a_colon_is_refused() {
    let server = Recorder::start().await;
    for (username, password) in [("a:b", "c"), ("a", "b\nc")] {
        let client = Credentials::new().clone2(username, password).connect(&server.url).unwrap();
        let refused = client.shelf("x", None).await.unwrap_err();
        let says =
            "Invalid Request: the user name has a colon, or a credential a control character";
        assert_eq!(refused.to_string(), says);
    }
    assert!(server.seen().is_empty());
}
