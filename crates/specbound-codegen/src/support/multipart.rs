/// A file of a form.
#[derive(Debug)]
pub struct File {
    /// The name that is sent.
    pub name: Option<String>,
    /// Such as `image/png`.
    pub content_type: Option<String>,
    /// Its content: bytes, or a stream.
    pub body: ::reqwest::Body,
}

impl File {
    /// A file without a name.
    pub fn new(body: impl Into<::reqwest::Body>) -> File {
        File { name: None, content_type: None, body: body.into() }
    }

    /// With this name.
    pub fn named(mut self, name: impl Into<String>) -> File {
        self.name = Some(name.into());
        self
    }

    /// With this content type.
    pub fn of_type(mut self, content_type: impl Into<String>) -> File {
        self.content_type = Some(content_type.into());
        self
    }
}

/// From a text: its content.
impl<'de> ::serde::Deserialize<'de> for File {
    fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<File, D::Error> {
        <String as ::serde::Deserialize>::deserialize(deserializer).map(File::new)
    }
}

/// The files of one field of a form.
#[doc(hidden)]
pub trait Files {
    fn all(self) -> Vec<File>;
}

impl Files for File {
    fn all(self) -> Vec<File> {
        vec![self]
    }
}

impl<T: Files> Files for Option<T> {
    fn all(self) -> Vec<File> {
        self.map(T::all).unwrap_or_default()
    }
}

impl Files for Vec<File> {
    fn all(self) -> Vec<File> {
        self
    }
}

/// The fields that are no files: a list has one for each item, and an object is written as JSON.
#[doc(hidden)]
pub fn fields(value: &(impl ::serde::Serialize + ?Sized)) -> ::reqwest::multipart::Form {
    let mut form = ::reqwest::multipart::Form::new();
    let ::serde_json::Value::Object(members) = ::serde_json::to_value(value).unwrap_or_default()
    else {
        return form;
    };
    for (name, value) in members {
        let items = match value {
            ::serde_json::Value::Null => Vec::new(),
            ::serde_json::Value::Array(items) => items,
            one => vec![one],
        };
        for item in items {
            form = match item {
                ::serde_json::Value::String(text) => form.text(name.clone(), text),
                other => form.text(name.clone(), other.to_string()),
            };
        }
    }
    form
}

#[doc(hidden)]
pub fn add(
    mut form: ::reqwest::multipart::Form,
    field: &'static str,
    files: impl Files,
) -> ::reqwest::Result<::reqwest::multipart::Form> {
    for file in files.all() {
        let mut part = ::reqwest::multipart::Part::stream(file.body);
        // Without a name, servers take it for a text.
        part = part.file_name(file.name.unwrap_or_else(|| field.to_owned()));
        if let Some(content_type) = &file.content_type {
            part = part.mime_str(content_type)?;
        }
        form = form.part(field, part);
    }
    Ok(form)
}
