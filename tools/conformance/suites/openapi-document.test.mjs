// Redocly's linter against the committed description of our API (a test of the server keeps that file up to date).
import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { createConfig, lint } from '@redocly/openapi-core';

const document = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));

test('the OpenAPI document is valid, and every example fits its schema', async () => {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      'no-invalid-media-type-examples': 'error',
      'no-unused-components': 'error',
      'operation-description': 'error',
      'operation-operationId': 'error',
      'tag-description': 'error',
    },
  });
  const problems = await lint({ ref: document, config });
  assert.deepEqual(problems.map(problem => `${problem.ruleId}: ${problem.message} (${problem.location[0]?.pointer})`), []);
});
