//! A mistake in the catalog stops the start and says where it is.

use domain::catalog::{Catalog, Sources};

const MODELS: &str = r#"
token_value_micro_usd = 18_000

[[model]]
slug = "talker"
name = "Talker"
category = "text"
vendor = "acme"
upstream_model = "talker-1"
upstream_retires_on = "2026-12-11"
min_plan = "free"
pricing = { type = "fixed", token_cost = 1 }
mode = "sync+stream"
description_en = "Talks."
description_ru = "Говорит."
limits = { max_input_chars = 1_000, max_output_tokens = 100 }
vendor_price = { type = "tokens", input_micro_usd_per_mtok = 1, cached_input_micro_usd_per_mtok = 1, output_micro_usd_per_mtok = 1 }
at_most_one_of = [["temperature", "top_p"]]
params.temperature = { type = "decimal", min = "0", max = "1.5" }
params.top_p = { type = "decimal", min = "0", max = "1" }

[[model]]
slug = "painter"
name = "Painter"
category = "image"
vendor = "acme"
upstream_model = "painter-1"
min_plan = "basic"
pricing.type = "matrix"
pricing.cells.rough = { small = 1, large = 2 }
pricing.cells.fine = { small = 3, large = 4 }
mode = "sync"
description_en = "Paints."
description_ru = "Рисует."
params.prompt = { type = "text", max_chars = 500, required = true }
params.quality = { type = "choice", default = "rough", allowed = ["rough", "fine"] }
params.size = { type = "choice", default = "small", allowed = ["small", "large"] }
params.seed = { type = "integer", min = 0, max = 9 }

[[model]]
slug = "filmer"
name = "Filmer"
category = "video"
vendor = "acme"
upstream_model = "filmer-1"
min_plan = "basic"
pricing = { type = "per_second", milli_tokens_per_second = 8_400 }
mode = "async"
description_en = "Films."
description_ru = "Снимает."
limits = { max_audio_s = 60 }
params.duration = { type = "integer_choice", default = 5, allowed = [5, 9] }
"#;

#[test]
fn without_a_mistake_it_is_taken() {
    Catalog::parse(&Sources { models: MODELS, ..Sources::default() }).unwrap();
    Catalog::parse(&Sources::default()).unwrap();
}

/// `text` with its only `from` replaced.
fn mutated(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` must stand once");
    text.replace(from, to)
}

fn check_sources(sources: &Sources<'_>, file: &str, row: &str, field: &str) {
    let error = Catalog::parse(sources).unwrap_err();
    assert_eq!((error.file, error.row.as_str(), error.field.as_str()), (file, row, field), "{error}");
    assert!(
        error.to_string().starts_with(&format!("catalog: {file}: row {row}: field {field}: ")),
        "{error}"
    );
    assert!(!error.message.is_empty());
}

fn check((from, to): (&str, &str), row: &str, field: &str) {
    let models = mutated(MODELS, from, to);
    check_sources(&Sources { models: &models, ..Sources::default() }, "models", row, field);
}

#[test]
fn plain_fields() {
    check((r#"category = "text""#, r#"category = "txt""#), "talker", "category");
    check((r#"name = "Talker""#, ""), "talker", "name");
    check((r#"name = "Talker""#, "name = 7"), "talker", "name");
    check((r#"name = "Talker""#, "name = \"Talker\"\ncolour = \"red\""), "talker", "colour");
    check((r#"name = "Talker""#, "name = \"Talker\"\nlower_limits = 3"), "talker", "lower_limits");
    check((r#"mode = "async""#, r#"mode = "later""#), "filmer", "mode");
    check((r#"min_plan = "free""#, r#"min_plan = "gold""#), "talker", "min_plan");
    check((r#"slug = "painter""#, r#"slug = "talker""#), "talker", "slug");
    check((r#"slug = "painter""#, r#"slug = "the painter""#), "the painter", "slug");
    check((r#"slug = "painter""#, r#"slug = """#), "", "slug");
    check((r#"slug = "painter""#, ""), "2", "slug");
    check((r#""2026-12-11""#, r#""2026-13-11""#), "talker", "upstream_retires_on");
    check((r#""2026-12-11""#, r#""soon""#), "talker", "upstream_retires_on");
}

#[test]
fn prices() {
    check(("token_cost = 1", "token_cost = 0"), "talker", "pricing");
    check(("token_cost = 1", "token_cost = -1"), "talker", "pricing");
    check(("token_cost = 1", "token_cost = 1_000_000_001"), "talker", "pricing");
    check(("token_cost = 1", "token_cost = 1.5"), "talker", "pricing");
    check(("token_cost = 1", "token_cost = 1, colour = 2"), "talker", "pricing.colour");
    check((r#"type = "fixed", token_cost = 1"#, r#"type = "fixed""#), "talker", "pricing.token_cost");
    check((r#"type = "fixed""#, r#"type = "free""#), "talker", "pricing.type");
    check((r#"type = "fixed", "#, ""), "talker", "pricing.type");
    check(("fine = { small = 3, large = 4 }", "fine = { small = 3 }"), "painter", "pricing.cells.fine.large");
    check(("pricing.cells.fine = { small = 3, large = 4 }", ""), "painter", "pricing.cells.fine.small");
    check(("small = 3, large = 4", "small = 3, large = 4, huge = 5"), "painter", "pricing.cells");
    check(("small = 3, large = 4", "small = 3, large = 0"), "painter", "pricing");
    check(("params.quality", "params.finish"), "painter", "params");
    check(("8_400", "0"), "filmer", "pricing");
    check(("8_400", "-8_400"), "filmer", "pricing");
    check(("8_400", "9_223_372_036_854_775_807"), "filmer", "pricing");
    check(("params.duration", "params.length"), "filmer", "params.duration");
    check(("[5, 9]", "[5, 0]"), "filmer", "pricing");
    check(("default = 5, ", ""), "filmer", "pricing");
    check(
        ("cached_input_micro_usd_per_mtok = 1, ", ""),
        "talker",
        "vendor_price.cached_input_micro_usd_per_mtok",
    );
    let negative = ("output_micro_usd_per_mtok = 1", "output_micro_usd_per_mtok = -1");
    check(negative, "talker", "vendor_price.output_micro_usd_per_mtok");
    check((r#"type = "tokens""#, r#"type = "barter""#), "talker", "vendor_price.type");
}

#[test]
fn vendor_prices_go_by_what_the_model_has() {
    let check_price = |head: &str, price: &str, row: &str, field: &str| {
        check((head, &format!("{head}\nvendor_price = {{ {price} }}")), row, field);
    };
    let (painter, filmer) = (r#"description_en = "Paints.""#, r#"description_en = "Films.""#);
    let tokens = r#"type = "tokens", input_micro_usd_per_mtok = 1, cached_input_micro_usd_per_mtok = 1, output_micro_usd_per_mtok = 1"#;
    check_price(painter, tokens, "painter", "category");
    check_price(
        painter,
        r#"type = "per_second", cost_micro_usd_per_second = 1"#,
        "painter",
        "params.duration",
    );
    check_price(
        painter,
        r#"type = "per_minute", cost_micro_usd_per_minute = 1"#,
        "painter",
        "limits.max_audio_s",
    );
    let chars = r#"type = "per_million_chars", cost_micro_usd_per_million_chars = 1"#;
    check_price(filmer, chars, "filmer", "params.text");
    let cells = |cells: &str| format!(r#"type = "by_cell", cells_micro_usd = {{ {cells} }}"#);
    let rough = "rough = { small = 1, large = 1 }";
    check_price(painter, &cells(rough), "painter", "vendor_price.cells_micro_usd");
    let negative = cells(&format!("{rough}, fine = {{ small = 1, large = -1 }}"));
    check_price(painter, &negative, "painter", "vendor_price.cells_micro_usd.fine.large");
    check_price(filmer, &cells(rough), "filmer", "vendor_price.cells_micro_usd");
    let unknown = r#"type = "per_generation", cost_micro_usd = 1, tip = 1"#;
    check_price(filmer, unknown, "filmer", "vendor_price.tip");
}

#[test]
fn limits() {
    check(("max_input_chars = 1_000", "max_input_chars = -1"), "talker", "limits.max_input_chars");
    check(("max_output_tokens = 100", "max_output_tokens = 0"), "talker", "limits.max_output_tokens");
    check((", max_output_tokens = 100", ""), "talker", "limits.max_output_tokens");
    check(("max_output_tokens = 100", "max_output_tokens = 100, max_love = 1"), "talker", "limits.max_love");
    check(("max_audio_s = 60", "max_audio_s = -60"), "filmer", "limits.max_audio_s");
}

#[test]
fn parameters() {
    check((r#"default = "small""#, r#"default = "huge""#), "painter", "params.size");
    check(("default = 5", "default = 6"), "filmer", "params.duration");
    check(("min = 0, max = 9", "min = 0, max = 9, default = 10"), "painter", "params.seed");
    check(("min = 0, max = 9", "min = 9, max = 0"), "painter", "params.seed");
    check(("min = 0, max = 9", "min = 0, most = 9"), "painter", "params.seed.most");
    check(("min = 0, max = 9", "min = 0, max = 9, eed = 9"), "painter", "params.seed.eed");
    check((r#"max = "1.5""#, r#"max = "1,5""#), "talker", "params.temperature");
    check((r#"max = "1.5""#, "max = 1.5"), "talker", "params.temperature");
    check((r#"min = "0", max = "1.5""#, r#"min = "2", max = "1.5""#), "talker", "params.temperature");
    check(("max_chars = 500", "max_chars = 0"), "painter", "params.prompt");
    check((r#"type = "integer_choice""#, r#"type = "number""#), "filmer", "params.duration.type");
    check((r#"[["temperature", "top_p"]]"#, r#"[["temperature", "top_k"]]"#), "talker", "at_most_one_of");
}

#[test]
fn heads_of_files() {
    let head = ("token_value_micro_usd = 18_000", "token_value_micro_usd = 0");
    check(head, "head of the file", "token_value_micro_usd");
    check(("token_value_micro_usd = 18_000", ""), "head of the file", "token_value_micro_usd");
    check(("token_value_micro_usd", "token_value"), "head of the file", "token_value");
    let rate = ("token_value_micro_usd = 18_000", "token_value_micro_usd = 18_000\nkopecks_per_usd = 0");
    check(rate, "head of the file", "kopecks_per_usd");
    check(("[[model]]\nslug = \"painter\"", "[[modle]]\nslug = \"painter\""), "head of the file", "modle");
    check_sources(&Sources { models: "", ..Sources::default() }, "models", "-", "model");
    check_sources(&Sources { models: "[[model", ..Sources::default() }, "models", "-", "-");
}

#[test]
fn plans_and_packages() {
    let Sources { plans, packages, .. } = Sources::default();
    let check_plans = |from, to, row, field| {
        let plans = mutated(plans, from, to);
        check_sources(&Sources { plans: &plans, ..Sources::default() }, "plans", row, field);
    };
    check_plans("tokens = 300\n", "tokens = -300\n", "basic", "tokens");
    check_plans("price = 1690", "price = \"1690\"", "pro", "price");
    check_plans("tokens = 300\n", "tokens = 300\nbonus = 1\n", "basic", "bonus");
    check_plans("slug = \"pro\"", "slug = \"basic\"", "basic", "slug");
    check_plans("slug = \"free\"", "slug = \"gratis\"", "free", "slug");
    check_plans("rate_limit_daily = 150\n", "", "free", "rate_limit_daily");
    let check_packages = |from, to, row, field| {
        let packages = mutated(packages, from, to);
        check_sources(&Sources { packages: &packages, ..Sources::default() }, "packages", row, field);
    };
    check_packages("price = 249\n", "", "start", "price");
    check_packages("tokens = 10000", "tokens = 10_000_000_000", "ultra", "tokens");
    check_packages("slug = \"light\"", "slug = \"start\"", "start", "slug");
}
