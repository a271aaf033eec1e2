// The official Node package, as its users use it, against a NeuralBox with a sandbox for vendors.
//
// OPENAI_BASE_URL and OPENAI_API_KEY name it; POOR_API_KEY is the key of an account without tokens, AUDIO a recording,
// and OUT a folder to write to.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import OpenAI from 'openai';

const client = new OpenAI({ maxRetries: 0 });

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather somewhere.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const story = {
  name: 'story',
  strict: true,
  schema: {
    type: 'object',
    properties: { title: { type: 'string' }, pages: { type: 'integer' } },
    required: ['title', 'pages'],
    additionalProperties: false,
  },
};

const ask = (words) => [{ role: 'user', content: words }];
const complete = (body) => client.chat.completions.create(body);

async function models() {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert(ids.includes('gpt-5') && ids.includes('photon-1') && !ids.includes('musicgen'), ids.join());
  assert.equal((await client.models.retrieve('claude-haiku-4.5')).owned_by, 'anthropic');
}

async function chat(model) {
  const answer = await complete({ model, messages: ask('Why is the sea salt?'), max_tokens: 64 });
  assert.match(answer.choices[0].message.content, /Why is the sea salt\?/);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert(answer.usage.total_tokens > 0);
}

async function stream(model) {
  const chunks = await complete({
    model,
    messages: ask('Why is the sea salt?'),
    stream: true,
    stream_options: { include_usage: true },
  });
  let [text, last] = ['', undefined];
  for await (const chunk of chunks) {
    text += chunk.choices[0]?.delta?.content ?? '';
    last = chunk;
  }
  assert.match(text, /Why is the sea salt\?/);
  assert(last.usage.total_tokens > 0);
}

async function tools(model) {
  const messages = ask('What is the weather in Tver?');
  const asked = await complete({ model, messages, tools: [weather] });
  const { message, finish_reason } = asked.choices[0];
  assert.equal(finish_reason, 'tool_calls');
  messages.push(message);
  for (const call of message.tool_calls) {
    assert.equal(call.function.name, 'get_weather');
    assert('city' in JSON.parse(call.function.arguments));
    messages.push({ role: 'tool', tool_call_id: call.id, content: 'SNOW' });
  }
  const answer = await complete({ model, messages, tools: [weather] });
  assert.match(answer.choices[0].message.content, /SNOW/);
}

async function streamedTools(model) {
  const events = client.beta.chat.completions.stream({
    model,
    messages: ask('Anything.'),
    tools: [weather],
    tool_choice: { type: 'function', function: { name: 'get_weather' } },
  });
  const [call] = (await events.finalMessage()).tool_calls;
  assert('city' in JSON.parse(call.function.arguments));
}

async function json(model) {
  const messages = ask('A story as JSON.');
  const answer = await complete({ model, messages, response_format: { type: 'json_object' } });
  assert.equal(typeof JSON.parse(answer.choices[0].message.content), 'object');
  if (model === 'deepseek-v3') return;
  const response_format = { type: 'json_schema', json_schema: story };
  const told = await complete({ model, messages, response_format });
  assert('title' in JSON.parse(told.choices[0].message.content));
}

async function images() {
  const prompt = 'A red boat.';
  const byUrl = await client.images.generate({ model: 'photon-1', prompt, response_format: 'url' });
  const file = Buffer.from(await (await fetch(byUrl.data[0].url)).arrayBuffer());
  assert.equal(file.subarray(1, 4).toString(), 'PNG');
  const inAnswer = await client.images.generate({ model: 'gpt-image-1.5', prompt });
  assert.equal(Buffer.from(inAnswer.data[0].b64_json, 'base64').subarray(1, 4).toString(), 'PNG');
}

async function audio() {
  const speech = path.join(process.env.OUT, 'speech-of-node.mp3');
  const sound = await client.audio.speech.create({ model: 'openai-tts', voice: 'alloy', input: 'Hello there.' });
  fs.writeFileSync(speech, Buffer.from(await sound.arrayBuffer()));
  assert(fs.statSync(speech).size > 1_000);
  const file = () => fs.createReadStream(process.env.AUDIO);
  assert((await client.audio.transcriptions.create({ model: 'whisper', file: file() })).text);
  const text = await client.audio.transcriptions.create({ model: 'whisper', file: file(), response_format: 'text' });
  assert.equal(typeof text, 'string');
}

async function fails(kind, code, request) {
  await assert.rejects(request, (error) => {
    assert(error instanceof kind, `${error}`);
    assert.equal(error.code, code);
    return true;
  });
}

async function errors() {
  const hello = { model: 'gpt-5', messages: ask('hello') };
  const saying = (words) => ({ ...hello, messages: ask(words) });
  const as = (apiKey) => () => new OpenAI({ apiKey }).chat.completions.create(hello);
  await fails(OpenAI.AuthenticationError, 'invalid_api_key', as('sk-nobody'));
  await fails(OpenAI.NotFoundError, 'model_not_found', () => complete({ ...hello, model: 'gpt-6' }));
  await fails(OpenAI.APIError, 'insufficient_tokens', as(process.env.POOR_API_KEY));
  await fails(OpenAI.BadRequestError, 'validation_error', () => complete({ ...hello, seed: 7 }));
  await fails(OpenAI.BadRequestError, 'content_policy_violation', () => complete(saying('[[fault:refuse]]')));
  await fails(OpenAI.InternalServerError, 'provider_error', () => complete(saying('[[fault:malformed]]')));
  await fails(OpenAI.APIError, 'provider_error', async () => {
    for await (const _ of await complete({ ...saying('[[fault:cut]]'), stream: true }));
  });
}

await models();
for (const model of ['gpt-5-nano', 'gpt-5.2-pro', 'claude-haiku-4.5', 'gemini-2.5-flash', 'deepseek-v3', 'grok-4-fast']) {
  await chat(model);
  await stream(model);
  await tools(model);
  await streamedTools(model);
  await json(model);
}
await images();
await audio();
await errors();
console.log('node: all is well');
