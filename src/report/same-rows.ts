import type { SliceResult } from './comparison.ts'

type Rows = Pick<SliceResult, 'name' | 'n' | 'base' | 'candidate'>

/** Whether a group (`label=cat`) is this class (`cat`) under another name, the label having been declared as a field. */
export const isClassOf = (slice: Rows, one: Rows): boolean =>
  slice.name.endsWith(`=${one.name}`) &&
  slice.n === one.n &&
  slice.base === one.base &&
  slice.candidate === one.candidate
