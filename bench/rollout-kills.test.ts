import { expect, test } from 'vitest'
import { killRun } from './rollout-kills.ts'

// A few of the hundred: `node --import ./scripts/typescript-hooks.mjs bench/rollout-kills.ts`.
test('killed at random moments, rollouts are before or after the act that was under way', async () => {
  expect(await killRun({ kills: 3, seed: 5 })).toEqual([])
}, 300_000)
