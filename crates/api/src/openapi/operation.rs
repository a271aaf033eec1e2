//! What a route says of itself.

use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

/// The content type of server-sent events.
pub(crate) const EVENTS: &str = "text/event-stream";

/// What a route takes and answers, beside what all routes do.
#[derive(Default)]
pub(crate) struct Operation {
    summary: &'static str,
    about: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
    codes: Vec<&'static str>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Operation {
    /// An operation that does what `summary` says.
    pub(crate) fn new(summary: &'static str) -> Self {
        Self { summary, ..Self::default() }
    }

    /// What more there is to say.
    pub(crate) fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    /// A parameter of the query.
    pub(crate) fn query(self, name: &str, about: &str, schema: Value) -> Self {
        self.parameter("query", name, about, schema)
    }

    /// A header that it understands.
    pub(crate) fn header(self, name: &str, about: &str, schema: Value) -> Self {
        self.parameter("header", name, about, schema)
    }

    /// A parameter of the path.
    pub(super) fn path(mut self, name: &str, about: &str, schema: Value) -> Self {
        let parameter =
            json!({ "in": "path", "name": name, "required": true, "description": about, "schema": schema });
        self.parameters.push(parameter);
        self
    }

    fn parameter(mut self, place: &str, name: &str, about: &str, schema: Value) -> Self {
        let parameter = json!({ "in": place, "name": name, "description": about, "schema": schema });
        self.parameters.push(parameter);
        self
    }

    /// Takes the header `Idempotency-Key`.
    pub(crate) fn idempotent(self) -> Self {
        let about = "A name for this request, kept at least a day: a repeat under it gets the first answer, with \
                     `Idempotent-Replayed: true`.";
        let schema = json!({ "type": "string", "pattern": "^[!-~]{1,255}$" });
        self.header("Idempotency-Key", about, schema).refuses(&["idempotency_conflict"])
    }

    /// Takes the header `Prefer`.
    pub(crate) fn preferring(self) -> Self {
        let about = "`wait=N` waits up to N seconds (60 at most) for the end; `respond-async` answers at once. \
                     `Preference-Applied` says what was done.";
        self.header("Prefer", about, json!({ "type": "string" }))
    }

    /// Takes a JSON object.
    pub(crate) fn json_body(self, schema: Value, example: Value) -> Self {
        self.body("application/json", schema, Some(example)).refuses(&[
            "bad_request",
            "payload_too_large",
            "validation_error",
        ])
    }

    /// Takes no body, and refuses one.
    pub(crate) fn no_body(self) -> Self {
        self.refuses(&["bad_request", "payload_too_large", "validation_error"])
    }

    /// Takes a form, whose parts are the properties of `schema`.
    pub(crate) fn form(self, schema: Value) -> Self {
        self.body("multipart/form-data", schema, None).refuses(&[
            "bad_request",
            "payload_too_large",
            "validation_error",
        ])
    }

    fn body(mut self, content_type: &str, schema: Value, example: Option<Value>) -> Self {
        self.body = Some(json!({ "required": true, "content": content(content_type, schema, example) }));
        self
    }

    /// Answers with a `T`.
    pub(crate) fn answers<T: ToSchema>(mut self, status: u16, about: &str, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.answers_json(status, about, schema, example)
    }

    /// Answers with a list of `T`, as every list is sent.
    pub(crate) fn answers_list<T: ToSchema>(mut self, about: &str, example: Value) -> Self {
        let items = self.schema::<T>();
        let schema = list(items);
        self.answers_json(200, about, schema, json!({ "items": [example], "total": 1 }))
    }

    /// Answers with JSON of that schema.
    pub(crate) fn answers_json(self, status: u16, about: &str, schema: Value, example: Value) -> Self {
        self.answer(
            status,
            json!({ "description": about, "content": content("application/json", schema, Some(example)) }),
        )
    }

    /// Answers with bytes or text.
    pub(crate) fn answers_media(
        self,
        status: u16,
        about: &str,
        content_type: &str,
        example: Option<&str>,
    ) -> Self {
        // Events are no strings to those who check answers by this document.
        let schema = if content_type == EVENTS { json!({}) } else { json!({ "type": "string" }) };
        let content = content(content_type, schema, example.map(|example| json!(example)));
        self.answer(status, json!({ "description": about, "content": content }))
    }

    /// Answers without a body.
    pub(crate) fn answers_nothing(self, status: u16, about: &str) -> Self {
        self.answer(status, json!({ "description": about }))
    }

    fn answer(mut self, status: u16, answer: Value) -> Self {
        let known = self.answers.iter_mut().find(|(known, _)| *known == status);
        match (known, answer) {
            // Another form of the same answer.
            (Some((_, Value::Object(known))), Value::Object(mut answer)) => {
                if let (Some(Value::Object(known)), Some(Value::Object(more))) =
                    (known.get_mut("content"), answer.remove("content"))
                {
                    known.extend(more);
                }
            }
            (_, answer) => self.answers.push((status, answer)),
        }
        self
    }

    /// Names codes with which it may refuse.
    pub(crate) fn refuses(mut self, codes: &[&'static str]) -> Self {
        let new = codes.iter().filter(|code| !self.codes.contains(code)).copied().collect::<Vec<_>>();
        self.codes.extend(new);
        self
    }

    /// The reference to `T`, whose schema goes into the document.
    pub(crate) fn schema<T: ToSchema>(&mut self) -> Value {
        let name = T::name();
        T::schemas(&mut self.schemas);
        self.schemas.push((name.to_string(), <T as PartialSchema>::schema()));
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// Whether it takes parameters of the query.
    pub(crate) fn has_query(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter["in"] == "query")
    }

    /// The schemas that it refers to, by their names.
    pub(super) fn take_schemas(&mut self) -> Vec<(String, RefOr<Schema>)> {
        std::mem::take(&mut self.schemas)
    }

    /// As the document has it. `refusals` gives the answers to these codes.
    pub(super) fn to_json(
        &self,
        refusals: impl FnOnce(&[&'static str]) -> Vec<(u16, Value)>,
    ) -> Map<String, Value> {
        let mut operation = Map::new();
        operation.insert("summary".to_owned(), json!(self.summary));
        if !self.about.is_empty() {
            operation.insert("description".to_owned(), json!(self.about));
        }
        if !self.parameters.is_empty() {
            operation.insert("parameters".to_owned(), json!(self.parameters));
        }
        operation.extend(self.body.clone().map(|body| ("requestBody".to_owned(), body)));
        let answers = self.answers.iter().cloned().map(|(status, answer)| (status, named(answer)));
        let answers = answers.chain(refusals(&self.codes));
        let answers = answers.map(|(status, answer)| (status.to_string(), answer));
        operation.insert("responses".to_owned(), Value::Object(answers.collect()));
        operation
    }
}

/// An answer with the header that all answers have.
pub(super) fn named(mut answer: Value) -> Value {
    answer["headers"] = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    answer
}

/// A list, as every list is sent.
pub(crate) fn list(items: Value) -> Value {
    json!({ "type": "object", "required": ["items", "total"], "properties": {
        "items": { "type": "array", "items": items },
        "total": { "type": "integer", "minimum": 0 },
    }})
}

fn content(content_type: &str, schema: Value, example: Option<Value>) -> Value {
    let mut media = json!({ "schema": schema });
    if let Some(example) = example {
        media["example"] = example;
    }
    json!({ content_type: media })
}
