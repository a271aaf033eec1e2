//! An HTTP client as a customer would write one.

use crate::commands::Error;
use serde_json::Value;

/// One customer.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// A file that came back.
pub(super) struct Download {
    pub(super) content_type: String,
    pub(super) bytes: Vec<u8>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Client {
    pub(super) fn new(url: &str, key: &str) -> Result<Self, Error> {
        // Plain HTTP to this machine: neither certificates nor a proxy come into it.
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().map_err(failed)?;
        Ok(Self { http, url: format!("{url}/api/v2"), key: key.to_owned() })
    }

    /// The same service for another customer.
    pub(super) fn with_key(&self, key: &str) -> Self {
        Self { http: self.http.clone(), url: self.url.clone(), key: key.to_owned() }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, Error> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.key);
        answer(request.send().await.map_err(failed)?).await
    }

    /// A generation as it is when it has ended, or as it stands after a minute.
    pub(super) async fn wait(&self, id: &Value) -> Result<Answer, Error> {
        let request = self.http.get(format!("{}/generate/{id}", self.url)).bearer_auth(&self.key);
        answer(request.header("prefer", "wait=60").send().await.map_err(failed)?).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        answer(self.send(path, body).await?).await
    }

    /// Asks not to be kept waiting.
    pub(super) async fn post_async(&self, path: &str, body: &Value) -> Result<Answer, Error> {
        let request = self.request(path, body).header("prefer", "respond-async");
        answer(request.send().await.map_err(failed)?).await
    }

    /// A file by its whole address; it takes no key.
    pub(super) async fn download(&self, url: &str) -> Result<Download, Error> {
        let response = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status);
        let response = response.map_err(failed)?;
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Ok(Download { content_type, bytes: response.bytes().await.map_err(failed)?.to_vec() })
    }

    /// The events of a stream, as they come.
    pub(super) async fn stream(
        &self,
        path: &str,
        body: &Value,
        mut on_event: impl FnMut(&str),
    ) -> Result<(), Error> {
        let mut response = self.send(path, body).await?;
        let mut rest = String::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            rest.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((event, after)) = rest.split_once("\n\n") {
                if let Some(data) = event.strip_prefix("data: ") {
                    on_event(data);
                }
                rest = after.to_owned();
            }
        }
        Ok(())
    }

    async fn send(&self, path: &str, body: &Value) -> Result<reqwest::Response, Error> {
        self.request(path, body).send().await.map_err(failed)
    }

    fn request(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.key);
        request.header("content-type", "application/json").body(body.to_string())
    }
}

async fn answer(response: reqwest::Response) -> Result<Answer, Error> {
    let status = response.status().as_u16();
    let body = response.text().await.map_err(failed)?;
    let body = serde_json::from_str(&body).map_err(|error| Error::Other(error.to_string()))?;
    Ok(Answer { status, body })
}

fn failed(error: reqwest::Error) -> Error {
    Error::Other(error.to_string())
}
