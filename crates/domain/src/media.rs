//! Generations of everything but conversations: pictures, video, sound, and text from sound or pictures.

use crate::{
    catalog::{Category, Model, Upstream},
    id::GenerationId,
    params::Params,
    port::Usage,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// A file that goes in, fetched or uploaded, checked and lying on this machine's disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Where it lies.
    pub path: PathBuf,
    /// A name with the extension of its kind; some vendors judge by it.
    pub file_name: String,
    /// Its kind, as found by looking at it.
    pub content_type: String,
    /// Its size.
    pub bytes: u64,
    /// Milliseconds that it plays, where it is sound and shows that.
    pub duration_ms: Option<i64>,
    /// Where the outside world can fetch it; `None` while this service has no public address.
    pub url: Option<String>,
}

/// One generation, as a vendor's adapter gets it: priced, held, and read. What a job needs after its start is kept with
/// it, so that it survives a restart; the files are not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MediaCall {
    /// Whose hold pays for it.
    pub generation_id: GenerationId,
    /// The slug of the model.
    pub model_slug: String,
    /// The adapter's name.
    pub vendor: String,
    /// What is made.
    pub category: Category,
    /// The vendor's model and the settings always sent with it.
    pub upstream: Upstream,
    /// What the client asked for, completed with defaults.
    pub params: Params,
    /// Files by the parameter that names them: `image_url`, `face_url`, `audio`, …
    #[serde(skip)]
    pub inputs: BTreeMap<String, InputFile>,
    /// A folder of this call's own for answers that are files.
    #[serde(skip)]
    pub scratch: PathBuf,
    /// Where the vendor may tell us that a job has moved, where it does such things.
    #[serde(skip)]
    pub callback_url: Option<String>,
    /// Milliseconds for starting it, and for an answer that comes at once; a job's polls have their own.
    pub timeout_ms: i64,
}

impl MediaCall {
    /// A call of `model`, into which its files are yet to be put.
    pub fn new(model: &Model, generation_id: GenerationId, params: Params, timeout_ms: i64) -> Self {
        Self {
            generation_id,
            model_slug: model.slug.clone(),
            vendor: model.vendor.clone(),
            category: model.category,
            upstream: model.upstream.clone(),
            params,
            inputs: BTreeMap::new(),
            scratch: PathBuf::new(),
            callback_url: None,
            timeout_ms,
        }
    }
}

/// What an adapter needs to go on with a job, in its own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct JobState(pub serde_json::Value);

/// A job that runs at its vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// For the adapter, to ask again.
    pub state: JobState,
    /// Milliseconds after which asking again is of use.
    pub poll_after_ms: i64,
    /// Percent done, 0 to 100, where the vendor tells.
    pub progress: Option<i64>,
}

/// How far a vendor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A job runs.
    Job(Job),
    /// It is done.
    Done(Product),
}

/// What a vendor made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Product {
    /// Text, for what makes text.
    pub text: Option<String>,
    /// Files, in the vendor's order.
    pub files: Vec<ProductFile>,
    /// The seed, where the vendor tells it.
    pub seed: Option<i64>,
    /// The model that answered, as the vendor names it.
    pub upstream_model: Option<String>,
    /// The vendor's tokens that it used, where the vendor tells them. They never move a price.
    #[serde(default)]
    pub usage: Option<Usage>,
}

impl Product {
    /// Whether its file has still to be fetched from the vendor, which keeps it for a while.
    pub fn is_at_vendor(&self) -> bool {
        matches!(self.files.first(), Some(ProductFile::Url(_)))
    }
}

/// A file that a vendor made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductFile {
    /// Lies at the vendor's, for a while.
    Url(String),
    /// Came in the answer.
    Bytes(Vec<u8>),
    /// Came as the answer, and lies in the call's scratch folder.
    Path(PathBuf),
}
