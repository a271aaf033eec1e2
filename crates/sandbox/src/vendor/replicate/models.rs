//! The models, and the input that each takes, as their own schemas say.

/// A model.
pub(super) struct Model {
    /// `owner/name`.
    pub(super) slug: &'static str,
    /// The version by which a community model is called; none for an official one.
    pub(super) version: Option<&'static str>,
    /// What it takes.
    pub(super) fields: &'static [Field],
    /// What it makes.
    pub(super) makes: Makes,
}

/// A field of an input.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    pub(super) is_required: bool,
}

/// What a field takes.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    Text,
    TextWithin(usize),
    /// An http(s) URL, or a data URL.
    File,
    /// A list of so many files at most.
    Files(usize),
    Word(&'static [&'static str]),
    /// A whole number from one to the other.
    Integer(i64, i64),
    /// A whole number out of a few.
    Choice(&'static [i64]),
    Decimal(f64, f64),
    Flag,
}

/// What a model makes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Makes {
    /// The URL of a picture, in this format unless the input says otherwise.
    Picture(&'static str),
    /// A list of such URLs.
    Pictures(&'static str),
    /// The URL of a picture without its background.
    Cutout,
    /// The URL of a film of so many seconds, unless the input says otherwise.
    Clip(u32),
    /// The URL of a sound.
    Music,
    /// Words.
    Text,
}

const fn must(name: &'static str, takes: Takes) -> Field {
    Field { name, takes, is_required: true }
}

const fn may(name: &'static str, takes: Takes) -> Field {
    Field { name, takes, is_required: false }
}

use Takes::{Choice, Decimal, File, Files, Flag, Integer, Text, TextWithin, Word};

const SEED: Field = may("seed", Integer(i64::MIN, i64::MAX));
const QUALITY: Field = may("output_quality", Integer(0, 100));

const FLUX_PRO: &[Field] = &[
    must("prompt", Text),
    may("aspect_ratio", Word(&["custom", "1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3"])),
    may("width", Integer(256, 1440)),
    may("height", Integer(256, 1440)),
    may("image_prompt", File),
    may("prompt_upsampling", Flag),
    may("safety_tolerance", Integer(1, 6)),
    SEED,
    may("output_format", Word(&["webp", "jpg", "png"])),
    QUALITY,
];

const KONTEXT_PRO: &[Field] = &[
    must("prompt", Text),
    may("input_image", File),
    may(
        "aspect_ratio",
        Word(&[
            "match_input_image",
            "1:1",
            "16:9",
            "9:16",
            "4:3",
            "3:4",
            "3:2",
            "2:3",
            "4:5",
            "5:4",
            "21:9",
            "9:21",
            "2:1",
            "1:2",
        ]),
    ),
    SEED,
    may("output_format", Word(&["png", "jpg"])),
    may("safety_tolerance", Integer(0, 6)),
    may("prompt_upsampling", Flag),
];

const SD_3_5_LARGE: &[Field] = &[
    may("prompt", Text),
    may(
        "aspect_ratio",
        Word(&["1:1", "16:9", "21:9", "3:2", "2:3", "4:5", "5:4", "3:4", "4:3", "9:16", "9:21"]),
    ),
    may("cfg", Decimal(0.0, 20.0)),
    may("image", File),
    may("prompt_strength", Decimal(0.0, 1.0)),
    may("steps", Integer(1, 50)),
    SEED,
    may("output_format", Word(&["webp", "jpg", "png"])),
    QUALITY,
];

const RECRAFT_V3: &[Field] = &[
    must("prompt", TextWithin(1_000)),
    may(
        "size",
        Word(&[
            "1024x1024",
            "1365x1024",
            "1024x1365",
            "1536x1024",
            "1024x1536",
            "1820x1024",
            "1024x1820",
            "1024x2048",
            "2048x1024",
            "1434x1024",
            "1024x1434",
            "1024x1280",
            "1280x1024",
            "1024x1707",
            "1707x1024",
        ]),
    ),
    may("aspect_ratio", Text),
    // Nineteen values, which change from version to version.
    may("style", Text),
];

const NANO_BANANA_PRO: &[Field] = &[
    must("prompt", Text),
    may("image_input", Files(14)),
    may(
        "aspect_ratio",
        Word(&["match_input_image", "1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]),
    ),
    may("resolution", Word(&["1K", "2K", "4K"])),
    may("output_format", Word(&["jpg", "png"])),
    may("safety_filter_level", Word(&["block_low_and_above", "block_medium_and_above", "block_only_high"])),
];

const KLING_V2_1: &[Field] = &[
    must("prompt", Text),
    must("start_image", File),
    may("end_image", File),
    may("mode", Word(&["standard", "pro"])),
    may("duration", Choice(&[5, 10])),
    may("negative_prompt", Text),
];

const VIDEO_01: &[Field] = &[
    must("prompt", Text),
    may("first_frame_image", File),
    may("subject_reference", File),
    may("prompt_optimizer", Flag),
];

const MUSICGEN: &[Field] = &[
    may("prompt", Text),
    may("model_version", Word(&["stereo-melody-large", "stereo-large", "melody-large", "large"])),
    may("duration", Integer(1, i64::MAX)),
    may("input_audio", File),
    may("continuation", Flag),
    may("continuation_start", Integer(0, i64::MAX)),
    may("continuation_end", Integer(0, i64::MAX)),
    may("normalization_strategy", Word(&["loudness", "clip", "peak", "rms"])),
    may("top_k", Integer(0, i64::MAX)),
    may("top_p", Decimal(0.0, 1.0)),
    may("temperature", Decimal(0.0, f64::MAX)),
    may("classifier_free_guidance", Integer(0, i64::MAX)),
    may("output_format", Word(&["wav", "mp3"])),
    SEED,
    may("multi_band_diffusion", Flag),
];

const REAL_ESRGAN: &[Field] =
    &[must("image", File), may("scale", Decimal(0.0, 10.0)), may("face_enhance", Flag)];

const FACE_SWAP: &[Field] = &[must("input_image", File), must("swap_image", File)];

const BACKGROUND_REMOVER: &[Field] = &[
    must("image", File),
    may("format", Word(&["png", "jpg"])),
    may("background_type", Text),
    may("threshold", Decimal(0.0, 1.0)),
    may("reverse", Flag),
];

const STYLE_TRANSFER: &[Field] = &[
    must("style_image", File),
    may("structure_image", File),
    may("prompt", Text),
    may("negative_prompt", Text),
    may("model", Word(&["fast", "high-quality", "realistic", "cinematic", "animated"])),
    may("width", Integer(1, i64::MAX)),
    may("height", Integer(1, i64::MAX)),
    may("number_of_images", Integer(1, 10)),
    may("structure_depth_strength", Decimal(0.0, 2.0)),
    may("structure_denoising_strength", Decimal(0.0, 1.0)),
    may("output_format", Word(&["webp", "jpg", "png"])),
    QUALITY,
    SEED,
];

const DDCOLOR: &[Field] = &[must("image", File), may("model_size", Word(&["large", "tiny"]))];

const DEOLDIFY: &[Field] = &[
    must("input_image", File),
    must("model_name", Word(&["Artistic", "Stable"])),
    may("render_factor", Integer(1, i64::MAX)),
];

const FLUX_FILL_PRO: &[Field] = &[
    must("image", File),
    must("prompt", Text),
    may("mask", File),
    may("outpaint", Text),
    may("steps", Integer(1, 50)),
    may("guidance", Decimal(0.0, 100.0)),
    SEED,
    may("safety_tolerance", Integer(1, 6)),
    may("prompt_upsampling", Flag),
    may("output_format", Word(&["jpg", "png"])),
];

const SD_INPAINTING: &[Field] = &[
    must("image", File),
    must("mask", File),
    may("prompt", Text),
    may("negative_prompt", Text),
    may("width", Integer(64, 1024)),
    may("height", Integer(64, 1024)),
    may("num_outputs", Integer(1, 4)),
    may("num_inference_steps", Integer(1, 500)),
    may("guidance_scale", Decimal(1.0, 20.0)),
    may("scheduler", Text),
    SEED,
];

const IMAGE_ALONE: &[Field] = &[must("image", File)];

const fn official(slug: &'static str, fields: &'static [Field], makes: Makes) -> Model {
    Model { slug, version: None, fields, makes }
}

const fn community(
    slug: &'static str,
    version: &'static str,
    fields: &'static [Field],
    makes: Makes,
) -> Model {
    Model { slug, version: Some(version), fields, makes }
}

/// All of them.
pub(super) const ALL: [Model; 19] = [
    official("black-forest-labs/flux-1.1-pro", FLUX_PRO, Makes::Picture("webp")),
    official("black-forest-labs/flux-kontext-pro", KONTEXT_PRO, Makes::Picture("png")),
    official("stability-ai/stable-diffusion-3.5-large", SD_3_5_LARGE, Makes::Pictures("webp")),
    official("recraft-ai/recraft-v3", RECRAFT_V3, Makes::Picture("webp")),
    official("google/nano-banana-pro", NANO_BANANA_PRO, Makes::Picture("jpg")),
    official("kwaivgi/kling-v2.1", KLING_V2_1, Makes::Clip(5)),
    official("minimax/video-01", VIDEO_01, Makes::Clip(6)),
    official("black-forest-labs/flux-fill-pro", FLUX_FILL_PRO, Makes::Picture("jpg")),
    community(
        "meta/musicgen",
        "671ac645ce5e552cc63a54a2bbff63fcf798043055d2dac5fc9e36a837eedcfb",
        MUSICGEN,
        Makes::Music,
    ),
    community(
        "nightmareai/real-esrgan",
        "f121d640bd286e1fdc67f9799164c1d5be36ff74576ee11c803ae5b665dd46aa",
        REAL_ESRGAN,
        Makes::Picture("png"),
    ),
    community(
        "cdingram/face-swap",
        "d1d6ea8c8be89d664a07a457526f7128109dee7030fdac424788d762c71ed111",
        FACE_SWAP,
        Makes::Picture("jpg"),
    ),
    community(
        "codeplugtech/face-swap",
        "278a81e7ebb22db98bcba54de985d22cc1abeead2754eb1f2af717247be69b34",
        FACE_SWAP,
        Makes::Picture("jpg"),
    ),
    community(
        "851-labs/background-remover",
        "a029dff38972b5fda4ec5d75d7d1cd25aeff621d2cf4946a41055d7db66b80bc",
        BACKGROUND_REMOVER,
        Makes::Cutout,
    ),
    community(
        "cjwbw/rembg",
        "fb8af171cfa1616ddcf1242c093f9c46bcada5ad4cf6f2fbe8b81b330ec5c003",
        IMAGE_ALONE,
        Makes::Cutout,
    ),
    community(
        "fofr/style-transfer",
        "f1023890703bc0a5a3a2c21b5e498833be5f6ef6e70e9daf6b9b3a4fd8309cf0",
        STYLE_TRANSFER,
        Makes::Pictures("webp"),
    ),
    community(
        "piddnad/ddcolor",
        "ca494ba129e44e45f661d6ece83c4c98a9a7c774309beca01429b58fce8aa695",
        DDCOLOR,
        Makes::Picture("png"),
    ),
    community(
        "arielreplicate/deoldify_image",
        "0da600fab0c45a66211339f1c16b71345d22f26ef5fea3dca1bb90bb5711e950",
        DEOLDIFY,
        Makes::Picture("png"),
    ),
    community(
        "stability-ai/stable-diffusion-inpainting",
        "95b7223104132402a9ae91cc677285bc5eb997834bd2349fa486f53910fd68b3",
        SD_INPAINTING,
        Makes::Pictures("png"),
    ),
    community(
        "abiruyt/text-extract-ocr",
        "a524caeaa23495bc9edc805ab08ab5fe943afd3febed884a4f3747aa32e9cd61",
        IMAGE_ALONE,
        Makes::Text,
    ),
];

/// The model of that name.
pub(super) fn by_slug(slug: &str) -> Option<&'static Model> {
    ALL.iter().find(|model| model.slug == slug)
}

/// The model that `version` names: a version's id, `owner/name:id`, or `owner/name` of an official model.
pub(super) fn by_version(version: &str) -> Option<&'static Model> {
    match version.split_once(':') {
        Some((slug, id)) => by_slug(slug).filter(|model| model.version == Some(id)),
        None => ALL.iter().find(|model| model.version.unwrap_or(model.slug) == version),
    }
}
