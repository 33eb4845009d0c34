// What the scripts in this folder share. The tests of the plugins run them, each
// as `node clients/NAME.mjs CHECK URL` with the URL of the plugin's fake.
import assert from 'node:assert/strict';

/** Runs the check that the command line names. */
export async function run(checks) {
  const [name, url] = process.argv.slice(2);
  assert.ok(checks[name], `no check ${name}; there are: ${Object.keys(checks).join(', ')}`);
  await checks[name](url);
}

/** Reads a stream to its end. */
export async function all(stream) {
  const parts = [];
  for await (const part of await stream) parts.push(part);
  return parts;
}

/** Expects an error and returns it. */
export async function raised(promise) {
  return promise.then((answer) => assert.fail(`no error, but ${JSON.stringify(answer)}`), (error) => error);
}

/** Calls `check(row, url)` for each failure that the fake knows. */
export async function eachError(url, check) {
  const rows = await (await fetch(`${url}/cases`)).json();
  assert.ok(rows.length > 3);
  for (const [i, row] of rows.entries()) {
    await check(row, `${url}/${i}`).catch((error) => {
      error.message = `${row.name} (${row.status}): ${error.message}`;
      throw error;
    });
  }
}
