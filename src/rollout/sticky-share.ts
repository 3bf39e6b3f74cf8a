import { scattered } from '../statistics/index.ts'

/**
 * Whether a key belongs to the share: the same answer for the same key and salt for ever, and a larger share holds all
 * keys of a smaller one. `salt` (the rollout's id) makes different rollouts choose different keys.
 *
 * FNV-1a over the UTF-16 units, scattered so that keys which differ in their last digit spread.
 */
export function inShare(key: string, salt: string, share: number): boolean {
  let hash = 0x811c9dc5
  const text = `${salt}\0${key}`
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (scattered(hash) >>> 0) / 2 ** 32 < share
}
