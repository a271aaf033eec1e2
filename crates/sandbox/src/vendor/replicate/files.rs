//! `/files`: inputs that are too large for a data URL.

use super::{admit, error};
use crate::{
    endpoint::{Call, Endpoint},
    fault::Scope,
    form::Content,
    reply::Reply,
    trouble::Trouble,
    vendor::CREATED_RFC3339,
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// `POST /files`.
#[derive(Clone, Copy)]
pub(super) struct Upload;

impl Endpoint for Upload {
    /// What will be told of the file, without its id.
    type Order = Value;
    const SCOPE: Scope = Scope::Look;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, content: Content) -> Result<Value, Trouble> {
        let form = content.form()?;
        let file = form.require_file("content")?;
        Ok(json!({
            "name": file.file_name,
            "content_type": file.content_type.as_deref().unwrap_or("application/octet-stream"),
            "size": file.bytes.len(),
            "checksums": {"sha256": hex::encode(Sha256::digest(&file.bytes))},
            "metadata": {},
            "created_at": CREATED_RFC3339,
            "expires_at": "2026-11-23T00:00:00Z",
        }))
    }

    async fn answer(&self, call: &mut Call<Value>) -> Reply {
        let id = format!("file-{}", call.id);
        let mut file = call.order.clone();
        file["id"] = json!(id);
        file["urls"] = json!({"get": call.service.url(&format!("/replicate/v1/files/{id}"))});
        call.service.uploads.insert(id, file.clone());
        Reply::json(StatusCode::CREATED, &file)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// `GET` and `DELETE /files/{id}`.
pub(super) struct Look<'a> {
    pub(super) id: &'a str,
    /// Whether the file is to be forgotten.
    pub(super) forgets: bool,
}

impl Endpoint for Look<'_> {
    type Order = ();
    const SCOPE: Scope = Scope::Look;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, _: Content) -> Result<(), Trouble> {
        Ok(())
    }

    async fn answer(&self, call: &mut Call<()>) -> Reply {
        let uploads = &call.service.uploads;
        let file = if self.forgets { uploads.remove(self.id) } else { uploads.get(self.id) };
        match file {
            Some(_) if self.forgets => Reply::empty(StatusCode::NO_CONTENT),
            Some(file) => Reply::json(StatusCode::OK, &file),
            None => error::not_found(),
        }
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}
