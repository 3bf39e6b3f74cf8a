import { expect, test } from 'vitest'
import { gainStory, sizeChange } from './gain-story.ts'

const timed = (baseMs: number, candidateMs: number, ci: readonly [number, number]) => ({
  baseMs,
  candidateMs,
  ratio: candidateMs / baseMs,
  ci,
  threads: 1,
  cpu: 'a processor',
})

test('what a new model brings, in words', () => {
  expect(gainStory({ bytes: { base: 313_016, candidate: 97_508 }, latency: timed(0.129, 0.075, [0.57, 0.59]) })).toBe(
    'What it brings: the file is 69 % smaller (313 KB → 97.5 KB), and it is 1.72 times as fast (0.129 ms → 0.075 ms an answer, one thread, by turns on this machine).',
  )
  expect(gainStory({ bytes: { base: 313_016, candidate: 93_396 }, latency: timed(0.13, 0.69, [5.2, 5.4]) })).toMatch(
    /70 % smaller .* and it is slower: an answer takes 5\.3 times as long \(0\.13 ms → 0\.69 ms/,
  )
  expect(gainStory({ bytes: { base: 313_016, candidate: 313_020 }, latency: timed(0.13, 0.13, [0.99, 1.01]) })).toMatch(
    /the file is as large as it was \(313 KB\), and no difference in speed could be measured .* Nothing is won by taking it\.$/,
  )
  expect(gainStory({ bytes: { base: 1000, candidate: 1500 } })).toBe(
    'What it brings: the file is 50 % larger (1 KB → 1.5 KB), and its speed was not measured.',
  )
})

test('a file that grew is larger, never a fraction smaller', () => {
  expect(sizeChange(409, 589)).toBe('44 % larger (409 bytes → 589 bytes)')
  expect(sizeChange(589, 409)).toBe('31 % smaller (589 bytes → 409 bytes)')
  expect(sizeChange(400, 401)).toBe('as large as it was (401 bytes)')
})
