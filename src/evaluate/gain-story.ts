import type { Gains } from '../report/index.ts'
import { short } from './amounts.ts'

/** What the new model brings, in plain words: its size, and its speed where that was measured. */
export function gainStory({ bytes, latency }: Gains): string {
  const size = `the file is ${sizeChange(bytes.base, bytes.candidate)}`
  const speed = latency ? speedText(latency) : 'its speed was not measured'
  const smaller = bytes.candidate < 0.99 * bytes.base
  const useless = latency !== undefined && latency.ci[1] >= 1 && !smaller
  return `What it brings: ${size}, and ${speed}.${useless ? ' Nothing is won by taking it.' : ''}`
}

/** What became of the size of a file: `69 % smaller (313 KB → 97.5 KB)`, larger, or as large as it was. */
export function sizeChange(before: number, after: number): string {
  const ratio = after / before
  const sizes = `${inBytes(before)} → ${inBytes(after)}`
  if (Math.abs(ratio - 1) < 0.01) return `as large as it was (${inBytes(after)})`
  return ratio < 1
    ? `${Math.round((1 - ratio) * 100)} % smaller (${sizes})`
    : `${Math.round((ratio - 1) * 100)} % larger (${sizes})`
}

function speedText({ baseMs, candidateMs, ratio, ci, threads }: NonNullable<Gains['latency']>): string {
  const times = `${ms(baseMs)} → ${ms(candidateMs)} an answer, ${threads === 1 ? 'one thread' : `${threads} threads`}, by turns on this machine`
  if (ci[1] < 1) return `it is ${factor(1 / ratio)} times as fast (${times})`
  if (ci[0] > 1) return `it is slower: an answer takes ${factor(ratio)} times as long (${times})`
  return `no difference in speed could be measured (${times})`
}

const factor = (value: number) => value.toFixed(value >= 10 ? 0 : value >= 1.95 ? 1 : 2)
const ms = (value: number) => `${short(value)} ms`

function inBytes(bytes: number): string {
  const [unit, size] =
    bytes >= 1e9 ? ['GB', 1e9] : bytes >= 1e6 ? ['MB', 1e6] : bytes >= 1e3 ? ['KB', 1e3] : ['bytes', 1]
  return `${short(bytes / size)} ${unit}`
}
