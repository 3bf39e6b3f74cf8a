import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv, type ErrorObject } from 'ajv'

/** What is wrong with a SARIF log by the schema of the standard, which a package of its makers carries; null for nothing. */
export function sarifProblems(text: string): readonly ErrorObject[] | null {
  const log: unknown = JSON.parse(text)
  return validate(log) ? null : (validate.errors ?? [])
}

const validate = compile()

function compile() {
  const path = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json')
  // Draft 4 writes `id` where today's drafts write `$id`; nothing else in it is read otherwise.
  const { id: _id, $schema: _draft, ...schema } = JSON.parse(readFileSync(path, 'utf8'))
  return new Ajv({
    strict: false,
    allErrors: true,
    // One of its patterns is none by the stricter rules of /u.
    unicodeRegExp: false,
    formats: {
      uri: (text: string) => URL.canParse(text),
      'uri-reference': (text: string) => !/[\s\\"<>^`{|}]/.test(text) && URL.canParse(text, 'file:///folder/'),
      'date-time': (text: string) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
    },
  }).compile(schema)
}
