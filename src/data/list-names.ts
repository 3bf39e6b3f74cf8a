import { nearestName } from '../platform/index.ts'

/** ` Did you mean "x"?`, or nothing. */
export function didYouMean(asked: string, names: readonly string[]): string {
  const near = nearestName(asked, names)
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

/** `"a", "b", "c"`; of more than a dozen the first and the last. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'nothing'
  const quoted = (some: readonly string[]) => some.map((name) => `"${name}"`).join(', ')
  if (names.length <= 12) return quoted(names)
  return `${quoted(names.slice(0, 12))} and ${names.length - 12} more, the last ${quoted(names.slice(-1))}`
}
