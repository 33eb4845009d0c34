import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { toFile } from 'openai';
import { startHost } from './host.mjs';
import { sound } from './upstream.mjs';

let host;
before(async () => { host = await startHost(); });
after(() => host?.stop());

test('speech arrives as the very bytes that upstream sent', async () => {
  const answer = await host.client().audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello' });
  assert.equal(answer.headers.get('content-type'), 'audio/mpeg');
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(sound));
});

test('a transcription uploads the very bytes of the file', async () => {
  const file = await toFile(sound, 'hello.mp3', { type: 'audio/mpeg' });
  const answer = await host.client().audio.transcriptions.create({ model: 'whisper-1', file });
  assert.equal(answer.text, 'heard');
  const sent = host.upstream.requests.at(-1);
  assert.match(sent.headers['content-type'], /^multipart\/form-data; boundary=/);
  assert.ok(sent.body.includes(sound.toString('latin1')), 'the file is not in the form');
  assert.match(sent.body, /name="model"\r\n\r\nwhisper-1/);
});

test('a completion of the old kind still works', async () => {
  const answer = await host.client().completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'before' });
  assert.equal(answer.choices[0].text, ' after before');
});
