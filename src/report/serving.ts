import { type Infer, list, nullable, number, object, report, text } from './schema.ts'

/** A key that was made for a server. Only its hash is kept: `key` is here and nowhere else. */
export const apiKey = report('api-key', { name: text, scopes: list(text), file: text, key: text })
export type ApiKeyReport = Infer<typeof apiKey>

/** What a server says when it has ended: where it listened, and from start to end. */
export const served = report('served', {
  source: text,
  addresses: object({ http: nullable(text), grpc: nullable(text), admin: nullable(text) }),
  seconds: number,
})
export type ServedReport = Infer<typeof served>
