//! Requests with parameters and bodies that progenitor does not write.

mod recorder;

use courier::client::{Client, Credentials, multipart, types};
use recorder::{Recorder, Request};

fn filter() -> types::Filter {
    serde_json::from_value(serde_json::json!({"state": "a b", "size": 2, "tags": ["x&y", "z"]}))
        .unwrap()
}

/// The parts of a form: each head and body.
fn parts(request: &Request) -> Vec<String> {
    let content_type = request.header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = request.text();
    let line = format!("--{boundary}");
    let parts = text.split(&line);
    let own = parts.filter(|part| !part.is_empty() && !part.starts_with("--"));
    own.map(|part| part.trim().replace("\r\n", "|")).collect()
}

#[tokio::test]
async fn parameter_and_credential_cookies_share_one_header() {
    let server = Recorder::start().await;
    let client = Credentials::new().session("id").connect(&server.url).unwrap();
    let theme = types::SendsCookiesTheme::Dark;
    client.sends_cookies(Some(2), &[1, 2], Some(theme)).await.unwrap();
    let request = server.only();
    assert_eq!(request.header("cookie"), Some("seen=1; seen=2; theme=dark; session=id"));
    assert_eq!(request.line, "GET /cookies?page=2");
}

#[tokio::test]
async fn parameters_are_serialized_by_style() {
    let server = Recorder::start().await;
    let client = Client::new(&server.url);
    let list = ["a/b".to_owned(), "c".to_owned()];
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let filter = filter();
    client
        .sends_styles(
            &list,
            &filter,
            7,
            Some(&filter),
            Some(&filter),
            Some(&filter),
            Some(&list),
            Some(&list),
            Some(&filter),
            Some(&filter),
            Some(&[1, 2]),
        )
        .await
        .unwrap();
    let request = server.only();
    let (path, query) = request.line.split_once('?').unwrap();
    let in_label = ".size=2.state=a%20b.tags=%5B%22x%26y%22%2C%22z%22%5D";
    assert_eq!(path, format!("GET /styles/a%2Fb,c/{in_label}/;matrix=7.json"));
    let expected = [
        "deep%5Bsize%5D=2",
        "deep%5Bstate%5D=a%20b",
        "deep%5Btags%5D=x%26y",
        "deep%5Btags%5D=z",
        "form=size,2,state,a%20b,tags,%5B%22x%26y%22%2C%22z%22%5D",
        "json=%7B%22size%22%3A2%2C%22state%22%3A%22a%20b%22%2C%22tags%22%3A%5B%22x%26y%22%2C\
         %22z%22%5D%7D",
        "pipes=a%2Fb%7Cc",
        "spaces=a%2Fb%20c",
        "size=2",
        "state=a%20b",
        "tags=x%26y",
        "tags=z",
    ];
    assert_eq!(query.split('&').collect::<Vec<_>>(), expected);
    assert_eq!(request.header("x-list"), Some("1,2"));
    assert_eq!(request.header("x-filter"), Some("size=2,state=a b,tags=[\"x&y\",\"z\"]"));
}

#[tokio::test]
async fn absent_parameters_are_not_sent() {
    let server = Recorder::start().await;
    let small = serde_json::from_str("{\"size\": 1}").unwrap();
    let client = Client::new(&server.url);
    client
        .sends_styles(&["a"], &small, 7, None, None, None, None, None, None, None, None)
        .await
        .unwrap();
    assert_eq!(server.only().line, "GET /styles/a/.size=1/;matrix=7.json");
    let refused = client
        .sends_styles(&[".."], &small, 7, None, None, None, None, None, None, None, None)
        .await;
    let says = "Invalid Request: the segment of simple in the path must not be empty, `.` or `..`";
    assert_eq!(refused.unwrap_err().to_string(), says);
}

#[tokio::test]
async fn parameters_with_one_name_are_separate_arguments() {
    let server = Recorder::start().await;
    let client = Client::new(&server.url);
    client
        .sends_names("a", Some("i"), Some("t"), Some("r"), 4, Some("b"), &filter())
        .await
        .unwrap();
    let request = server.only();
    assert_eq!(request.line, "PUT /names/a?info=i&target=t&id=4&body=b");
    assert_eq!(request.header("request"), Some("r"));
}

#[tokio::test]
async fn form_has_fields_and_files() {
    let server = Recorder::with_response(
        "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 12\r\n\r\n\
         {\"size\": 12}",
    )
    .await;
    let parcel = multipart::SendParcelForm {
        title: "A parcel".to_owned(),
        size: serde_json::from_str("{\"width\": 3}").unwrap(),
        tags: vec!["x".to_owned(), "y".to_owned()],
        label: Some(multipart::File::new("PNG").named("label.png").of_type("image/png")),
        secret: Some("hush".to_owned()),
        count: 3,
    };
    assert!(!format!("{parcel:?}").contains("hush"), "{parcel:?}");
    let response = Client::new(&server.url).send_parcel(parcel).await.unwrap();
    assert_eq!(response.size, Some(12));
    let request = server.only();
    let field = |name: &str, value: &str| {
        format!("Content-Disposition: form-data; name=\"{name}\"||{value}")
    };
    assert_eq!(
        parts(&request),
        [
            field("count", "3"),
            field("secret", "hush"),
            field("size", "{\"width\":3}"),
            field("tags", "x"),
            field("tags", "y"),
            field("title", "A parcel"),
            "Content-Disposition: form-data; name=\"label\"; filename=\"label.png\"|\
             Content-Type: image/png||PNG"
                .to_owned(),
        ]
    );
    assert_eq!(request.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn files_are_sent_as_multipart_even_if_json_is_documented() {
    let server = Recorder::start().await;
    let file = |content: &'static str| multipart::File::new(content);
    let photos = multipart::SendPhotosForm { photos: vec![file("1"), file("2")], cover: None };
    Client::new(&server.url).send_photos(Some(photos)).await.unwrap();
    assert_eq!(
        parts(&server.only()),
        [
            "Content-Disposition: form-data; name=\"photos\"; filename=\"photos\"||1",
            "Content-Disposition: form-data; name=\"photos\"; filename=\"photos\"||2",
        ]
    );
    Client::new(&server.url).send_photos(None).await.unwrap();
    assert_eq!(server.only().header("content-type"), None);
}

#[tokio::test]
async fn other_bodies_are_raw_bytes_of_their_content_type() {
    let server = Recorder::start().await;
    let client = Client::new(&server.url);
    client.send_bytes(vec![1, 2]).await.unwrap();
    let request = server.only();
    assert_eq!(request.header("content-type"), Some("application/octet-stream"));
    assert_eq!(request.body, [1, 2]);
    client.send_image("image/png", Some("PNG".into())).await.unwrap();
    let request = server.only();
    assert_eq!(request.header("content-type"), Some("image/png"));
    assert_eq!(request.text(), "PNG");
    client.send_patch(&filter()).await.unwrap();
    let request = server.only();
    assert_eq!(request.header("content-type"), Some("application/merge-patch+json"));
    assert_eq!(request.text(), r#"{"size":2,"state":"a b","tags":["x&y","z"]}"#);
}
