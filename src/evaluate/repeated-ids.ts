/** Rows whose id another row has as well, and one such id. */
export interface RepeatedIds {
  readonly field: string
  readonly rows: number
  readonly example: string
}

/** Counts ids; without a field of them there is nothing to count. */
export function repeatedIds(field: string | undefined): {
  add(fields: Readonly<Record<string, unknown>>): void
  result(): RepeatedIds | null
} {
  const counts = new Map<string, number>()
  return {
    add(fields) {
      if (field === undefined) return
      const id = String(fields[field])
      counts.set(id, (counts.get(id) ?? 0) + 1)
    },
    result() {
      const more = [...counts].filter(([, count]) => count > 1)
      if (field === undefined || more.length === 0) return null
      return { field, rows: more.reduce((sum, [, count]) => sum + count, 0), example: more[0]![0] }
    },
  }
}
