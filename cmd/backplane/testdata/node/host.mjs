// Starts a Backplane host with an echo endpoint and an openai endpoint that
// points at the fake upstream, and makes official clients for it.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import OpenAI from 'openai';
import { startUpstream } from './upstream.mjs';

const root = path.resolve(import.meta.dirname, '../../../..');
const bin = process.env.BACKPLANE_BIN ?? path.join(root, 'bin');

/** Starts upstream and host; stop() ends both and fails if the host did not end well. */
export async function startHost() {
  const upstream = await startUpstream();
  const dir = await mkdtemp(path.join(tmpdir(), 'backplane-node-'));
  const file = path.join(dir, 'config.hcl');
  await writeFile(file, config(upstream.url, dir));
  const host = spawn(path.join(bin, 'backplane'), ['serve', '-config', file, '-plugin-dir', path.join(bin, 'plugins')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, UPSTREAM_KEY: 'key-of-the-endpoint' },
  });
  const ended = new Promise((resolve) => host.on('exit', (code, signal) => resolve(signal ?? code)));
  const baseURL = await listening(host, ended);
  return {
    upstream,
    client: (options = {}) => new OpenAI({ baseURL, apiKey: 'key-of-the-caller', maxRetries: 0, timeout: 20_000, ...options }),
    async stop() {
      host.kill('SIGTERM');
      const code = await ended;
      await upstream.stop();
      await rm(dir, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the host ended with ${code}`);
    },
  };
}

/** Waits until the host says where it listens. */
function listening(host, ended) {
  let output = '';
  return new Promise((resolve, reject) => {
    const look = (part) => {
      output += part;
      const found = /^\s*HTTP\s+(http:\/\/\S+)/m.exec(output);
      if (found && output.includes('\nready')) resolve(`${found[1]}/v1`);
    };
    host.stdout.on('data', look);
    host.stderr.on('data', (part) => (output += part));
    ended.then((code) => reject(new Error(`the host ended with ${code}:\n${output}`)));
  });
}

const config = (upstream, dir) => `
server {
  listen = "127.0.0.1:0"
  admin  = "unix:${dir}/admin.sock"
}

provider "echo" {}
provider "openai" {}

endpoint "echo" {
  provider = "echo"
}

endpoint "echo-busy" {
  provider = "echo"
  settings {
    rate_limit_rate = 1
    retry_after     = "3s"
  }
  retry { max = 0 }
}

endpoint "echo-breaks" {
  provider = "echo"
  settings { fail_after_words = 2 }
}

endpoint "openai" {
  provider = "openai"
  api_key  = env("UPSTREAM_KEY")
  settings { base_url = "${upstream}" }
  retry { max = 0 }
}

route "gpt-*" { endpoints = ["openai"] }
`;
