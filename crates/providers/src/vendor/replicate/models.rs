//! Which model takes what, and under which names. Names and values are those of the models' own input schemas, shown on
//! `https://replicate.com/<model>/api/schema`.
//!
//! To serve a new model, add a row to [`MODELS`].

use Kind::{Community, Official};
use Output::{Files, Text};
use Say::{Converted, File, FileInList, Same, Size, Word};

/// How one model is spoken to.
pub(super) struct Model {
    /// `owner/name`, as in the catalog's `upstream_model`.
    pub(super) id: &'static str,
    /// Who looks after it, and so how it is called.
    pub(super) kind: Kind,
    /// The catalog's parameters, and how each is said.
    pub(super) params: &'static [(&'static str, Say)],
    /// Input fields that are always the same.
    pub(super) fixed: &'static [(&'static str, &'static str)],
    /// Input fields that the catalog may set by `upstream_params`.
    pub(super) settings: &'static [&'static str],
    /// What comes out.
    pub(super) output: Output,
}

/// Who looks after a model.
pub(super) enum Kind {
    /// Replicate itself: always the newest version.
    Official,
    /// Its author: called by a version, this one unless the catalog's setting `version` names another.
    Community { version: &'static str },
}

/// What a model puts out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Addresses of files.
    Files,
    /// Words.
    Text,
}

/// How a parameter is said.
pub(super) enum Say {
    /// As it is, in this field.
    Same(&'static str),
    /// In this field, by the model's word for each of the catalog's.
    Word(&'static str, &'static [(&'static str, &'static str)]),
    /// A file, in this field.
    File(&'static str),
    /// A file, alone in the list that this field takes.
    FileInList(&'static str),
    /// A size in pixels, by the ratio or the pixels that the model has for it.
    Size(&'static [(&'static str, Shape)]),
    /// Not at all: it is the file's format, which the model does not let choose, and is converted after the download.
    Converted,
}

/// The shape of a picture.
pub(super) enum Shape {
    /// One of the model's `aspect_ratio`s.
    Ratio(&'static str),
    /// `width` and `height`, with `aspect_ratio` `custom`.
    Pixels(i64, i64),
}

const PROMPT: (&str, Say) = ("prompt", Same("prompt"));
const RATIO: (&str, Say) = ("aspect_ratio", Same("aspect_ratio"));
const SEED: (&str, Say) = ("seed", Same("seed"));
/// The format where the model makes all three.
const FORMAT: (&str, Say) =
    ("format", Word("output_format", &[("webp", "webp"), ("png", "png"), ("jpeg", "jpg")]));
/// The format where it makes no WebP: that is converted after the download, from what has lost nothing.
const FORMAT_WITHOUT_WEBP: (&str, Say) =
    ("format", Word("output_format", &[("webp", "png"), ("png", "png"), ("jpeg", "jpg")]));
const FORMAT_CONVERTED: (&str, Say) = ("format", Converted);

/// Every model that is spoken to: first what makes pictures, then video, music, and tools.
pub(super) static MODELS: &[Model] = &[
    Model {
        id: "black-forest-labs/flux-1.1-pro",
        kind: Official,
        params: &[PROMPT, ("size", Size(FLUX_SIZES)), SEED, FORMAT],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "black-forest-labs/flux-kontext-pro",
        kind: Official,
        params: &[PROMPT, ("image_url", File("input_image")), RATIO, SEED, FORMAT_WITHOUT_WEBP],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "stability-ai/stable-diffusion-3.5-large",
        kind: Official,
        params: &[PROMPT, ("size", Size(SD_SIZES)), SEED, FORMAT],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "recraft-ai/recraft-v3",
        kind: Official,
        params: &[PROMPT, ("size", Same("size")), ("style", Same("style")), FORMAT_CONVERTED],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "google/nano-banana-pro",
        kind: Official,
        params: &[PROMPT, ("image_url", FileInList("image_input")), RATIO, FORMAT_WITHOUT_WEBP],
        fixed: &[],
        settings: &["resolution"],
        output: Files,
    },
    Model {
        id: "kwaivgi/kling-v2.1",
        kind: Official,
        params: &[
            PROMPT,
            ("image_url", File("start_image")),
            ("negative_prompt", Same("negative_prompt")),
            ("duration", Same("duration")),
        ],
        fixed: &[],
        settings: &["mode"],
        output: Files,
    },
    Model {
        id: "minimax/video-01",
        kind: Official,
        params: &[PROMPT, ("image_url", File("first_frame_image"))],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "meta/musicgen",
        kind: Community { version: "671ac645ce5e552cc63a54a2bbff63fcf798043055d2dac5fc9e36a837eedcfb" },
        params: &[PROMPT, ("duration", Same("duration"))],
        // Two minutes of WAV are too much to send to a client.
        fixed: &[("output_format", "mp3")],
        settings: &["model_version"],
        output: Files,
    },
    Model {
        id: "nightmareai/real-esrgan",
        kind: Community { version: "f121d640bd286e1fdc67f9799164c1d5be36ff74576ee11c803ae5b665dd46aa" },
        params: &[("image_url", File("image")), ("scale", Same("scale")), FORMAT_CONVERTED],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "cdingram/face-swap",
        kind: Community { version: "d1d6ea8c8be89d664a07a457526f7128109dee7030fdac424788d762c71ed111" },
        params: FACE_SWAP,
        fixed: &[],
        settings: &[],
        output: Files,
    },
    // The same fields, for when the former is gone.
    Model {
        id: "codeplugtech/face-swap",
        kind: Community { version: "278a81e7ebb22db98bcba54de985d22cc1abeead2754eb1f2af717247be69b34" },
        params: FACE_SWAP,
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "851-labs/background-remover",
        kind: Community { version: "a029dff38972b5fda4ec5d75d7d1cd25aeff621d2cf4946a41055d7db66b80bc" },
        params: &[("image_url", File("image")), FORMAT_CONVERTED],
        // With a transparent background, whatever it is converted to.
        fixed: &[("format", "png"), ("background_type", "rgba")],
        settings: &[],
        output: Files,
    },
    Model {
        id: "fofr/style-transfer",
        kind: Community { version: "f1023890703bc0a5a3a2c21b5e498833be5f6ef6e70e9daf6b9b3a4fd8309cf0" },
        params: &[("image_url", File("structure_image")), ("style_url", File("style_image")), FORMAT],
        // Left out, the prompt would be the model's example, and the picture have an astronaut in it.
        fixed: &[("prompt", "")],
        settings: &["model"],
        output: Files,
    },
    Model {
        id: "piddnad/ddcolor",
        kind: Community { version: "ca494ba129e44e45f661d6ece83c4c98a9a7c774309beca01429b58fce8aa695" },
        params: &[("image_url", File("image")), FORMAT_CONVERTED],
        fixed: &[],
        settings: &["model_size"],
        output: Files,
    },
    Model {
        id: "black-forest-labs/flux-fill-pro",
        kind: Official,
        params: &[("image_url", File("image")), ("mask_url", File("mask")), PROMPT, FORMAT_WITHOUT_WEBP],
        fixed: &[],
        settings: &[],
        output: Files,
    },
    Model {
        id: "abiruyt/text-extract-ocr",
        kind: Community { version: "a524caeaa23495bc9edc805ab08ab5fe943afd3febed884a4f3747aa32e9cd61" },
        params: &[("image_url", File("image"))],
        fixed: &[],
        settings: &[],
        output: Text,
    },
];

/// Pixels are at most 1440 a side, so the two large sizes are asked for by their ratio.
const FLUX_SIZES: &[(&str, Shape)] = &[
    ("1024x1024", Shape::Pixels(1024, 1024)),
    ("768x1344", Shape::Pixels(768, 1344)),
    ("1344x768", Shape::Pixels(1344, 768)),
    ("1024x1536", Shape::Ratio("2:3")),
    ("1536x1024", Shape::Ratio("3:2")),
];

/// The model takes ratios alone.
const SD_SIZES: &[(&str, Shape)] = &[
    ("1024x1024", Shape::Ratio("1:1")),
    ("768x1344", Shape::Ratio("9:16")),
    ("1344x768", Shape::Ratio("16:9")),
];

const FACE_SWAP: &[(&str, Say)] =
    &[("image_url", File("input_image")), ("face_url", File("swap_image")), FORMAT_CONVERTED];
