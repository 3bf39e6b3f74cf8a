/**
 * JSON with sorted keys and no white space: equal values give equal text, so a digest of it names the value.
 * Fields that are undefined are left out, as JSON does; NaN and infinities become null.
 */
export function canonicalJson(value: unknown): string {
  // Long lists of numbers are all alike in both.
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
