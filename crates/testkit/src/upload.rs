//! Forms with files in them.

use crate::{Reply, Service, send};
use reqwest::{Method, RequestBuilder, multipart};

/// One part of a form.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Its name.
    pub name: &'a str,
    /// The name that the client gives its file, if it is one.
    pub file_name: Option<&'a str>,
    /// What is in it.
    pub content: &'a [u8],
}

/// A part that is a file.
pub const fn file<'a>(name: &'a str, file_name: &'a str, content: &'a [u8]) -> Part<'a> {
    Part { name, file_name: Some(file_name), content }
}

/// A part that is a field.
pub const fn text<'a>(name: &'a str, content: &'a str) -> Part<'a> {
    Part { name, file_name: None, content: content.as_bytes() }
}

impl Service {
    /// `POST` of a form to a path under `/api/v2`.
    pub async fn post_form(&self, path: &str, key: &str, parts: &[Part<'_>]) -> Reply {
        send(self.posting_form(&format!("/api/v2{path}"), key, parts)).await
    }

    /// The same under a name.
    pub async fn post_form_as(&self, path: &str, key: &str, name: &str, parts: &[Part<'_>]) -> Reply {
        let request = self.posting_form(&format!("/api/v2{path}"), key, parts);
        send(request.header("idempotency-key", name)).await
    }

    /// `POST` of a form to a whole path.
    pub async fn post_form_to(&self, path: &str, key: &str, parts: &[Part<'_>]) -> Reply {
        send(self.posting_form(path, key, parts)).await
    }

    /// A `POST` of a form to a whole path, to be sent.
    pub fn posting_form(&self, path: &str, key: &str, parts: &[Part<'_>]) -> RequestBuilder {
        let mut form = multipart::Form::new();
        for part in parts {
            let content = multipart::Part::bytes(part.content.to_vec());
            let content = match part.file_name {
                // What the client says of a file counts for nothing.
                Some(file_name) => content.file_name(file_name.to_owned()).mime_str("text/plain"),
                None => Ok(content),
            };
            form = form.part(part.name.to_owned(), content.expect("a media type"));
        }
        self.request(Method::POST, path, key).multipart(form)
    }

    /// Uploads a file as an input, and gives its URL.
    pub async fn upload(&self, key: &str, content: &[u8]) -> String {
        let uploaded = self.post_form("/files", key, &[file("file", "input", content)]).await.expect(201);
        uploaded["url"].as_str().expect("an address").to_owned()
    }

    /// `GET` of a whole URL, as anybody who has it may.
    pub async fn fetch(&self, url: &str) -> Reply {
        let path = url.strip_prefix(&self.url).expect("an address of this service");
        send(self.request(Method::GET, path, "")).await
    }
}
