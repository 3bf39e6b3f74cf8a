/**
 * A replacer for `JSON.stringify`, and for texts by themselves: PostgreSQL takes neither zero characters nor halves of
 * surrogate pairs, which names in a model and ids of requests may have.
 */
export const storable = (_: string, value: unknown) =>
  typeof value === 'string' ? value.replace(/\0|\p{Surrogate}/gu, '\ufffd') : value
