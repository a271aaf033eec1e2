"""The official Python package, as its users use it, against a NeuralBox with a sandbox for vendors.

OPENAI_BASE_URL and OPENAI_API_KEY name it; POOR_API_KEY is the key of an account without tokens, AUDIO a recording,
and OUT a folder to write to.
"""

import base64
import json
import os
import pathlib
import urllib.request

import openai
import pydantic

client = openai.OpenAI(max_retries=0)
out = pathlib.Path(os.environ["OUT"])

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather somewhere.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Story(pydantic.BaseModel):
    title: str
    pages: int


def ask(words):
    return [{"role": "user", "content": words}]


def models():
    ids = [model.id for model in client.models.list()]
    assert "gpt-5" in ids and "photon-1" in ids and "musicgen" not in ids, ids
    assert client.models.retrieve("claude-haiku-4.5").owned_by == "anthropic"


def chat(model):
    answer = client.chat.completions.create(model=model, messages=ask("Why is the sea salt?"), max_tokens=64)
    assert "Why is the sea salt?" in answer.choices[0].message.content, answer
    assert answer.choices[0].finish_reason == "stop" and answer.usage.total_tokens > 0, answer


def stream(model):
    options = {"include_usage": True}
    chunks = list(
        client.chat.completions.create(
            model=model, messages=ask("Why is the sea salt?"), stream=True, stream_options=options
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Why is the sea salt?" in text, chunks
    assert chunks[-1].usage.total_tokens > 0 and chunks[-2].choices[0].finish_reason == "stop", chunks


def tools(model):
    messages = ask("What is the weather in Tver?")
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls", answer
    for call in message.tool_calls:
        assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments), call
    messages.append(message)
    messages += [
        {"role": "tool", "tool_call_id": call.id, "content": "SNOW"} for call in message.tool_calls
    ]
    answer = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER])
    assert "SNOW" in answer.choices[0].message.content, answer


def streamed_tools(model):
    with client.chat.completions.stream(
        model=model, messages=ask("Anything."), tools=[WEATHER], tool_choice="required"
    ) as events:
        completion = events.get_final_completion()
    call = completion.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather" and "city" in json.loads(call.function.arguments), completion


def json_mode(model):
    answer = client.chat.completions.create(
        model=model, messages=ask("A story as JSON."), response_format={"type": "json_object"}
    )
    assert isinstance(json.loads(answer.choices[0].message.content), dict), answer


def schema(model):
    answer = client.chat.completions.parse(model=model, messages=ask("A story."), response_format=Story)
    assert answer.choices[0].message.parsed.title, answer


def images():
    by_url = client.images.generate(model="gpt-image-1.5", prompt="A red boat.", response_format="url")
    with urllib.request.urlopen(by_url.data[0].url) as file:
        assert file.read(4) == b"\x89PNG"
    in_answer = client.images.generate(model="photon-1", prompt="A red boat.", response_format="b64_json")
    assert base64.b64decode(in_answer.data[0].b64_json).startswith(b"\x89PNG")


def audio():
    speech = out / "speech.mp3"
    with client.audio.speech.with_streaming_response.create(
        model="openai-tts", voice="alloy", input="Hello there."
    ) as response:
        response.stream_to_file(speech)
    assert speech.stat().st_size > 1_000, speech.stat()
    with open(os.environ["AUDIO"], "rb") as recording:
        assert client.audio.transcriptions.create(model="whisper", file=recording).text
    text = client.audio.transcriptions.create(model="whisper", file=speech, response_format="text")
    assert isinstance(text, str) and text, text


def fails(kind, code, request):
    try:
        request()
    except kind as error:
        assert error.code == code, (error.code, code)
    else:
        raise AssertionError(f"{kind} does not come")


def errors():
    def complete(client, **more):
        return lambda: client.chat.completions.create(**{"model": "gpt-5", "messages": ask("hello")} | more)

    stranger = openai.OpenAI(api_key="sk-nobody")
    poor = openai.OpenAI(api_key=os.environ["POOR_API_KEY"])
    fails(openai.AuthenticationError, "invalid_api_key", complete(stranger))
    fails(openai.NotFoundError, "model_not_found", complete(client, model="gpt-6"))
    fails(openai.APIStatusError, "insufficient_tokens", complete(poor))
    fails(openai.BadRequestError, "validation_error", complete(client, seed=7))
    fails(openai.BadRequestError, "content_policy_violation", complete(client, messages=ask("[[fault:refuse]]")))
    fails(openai.InternalServerError, "provider_error", complete(client, messages=ask("[[fault:malformed]]")))
    cut = complete(client, messages=ask("[[fault:cut]]"), stream=True)
    fails(openai.APIError, "provider_error", lambda: list(cut()))


models()
for model in ["gpt-5-nano", "gpt-5.2-pro", "claude-haiku-4.5", "gemini-2.5-flash", "deepseek-v3", "grok-4-fast"]:
    chat(model)
    stream(model)
    tools(model)
    streamed_tools(model)
    json_mode(model)
    if model != "deepseek-v3":
        schema(model)
images()
audio()
errors()
print("python: all is well")
