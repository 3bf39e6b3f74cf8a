import { expect, test } from 'vitest'
import { looksLikeState } from './assign-roles.ts'

test('states are recognised by name only', () => {
  for (const name of ['state', 'stateN', 'conv_cache', 'inter_cache', 'past_key_values.1.value', 'h0', 'hiddenState'])
    expect(looksLikeState(name), name).toBe(true)
  for (const name of ['input', 'images', 'x', 'statement', 'pasta', 'sr'])
    expect(looksLikeState(name), name).toBe(false)
})
