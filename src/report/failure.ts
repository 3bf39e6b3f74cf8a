import { type Infer, integer, nullable, object, oneOf, report, text } from './schema.ts'

/** What a command says with `--json` where it ended without the report that was asked for. */
export const failure = report('failure', {
  /** Of the command: 2, 70 or 130. */
  exitCode: integer,
  error: object({
    /** `internal` is a bug in Whetstone, `interrupted` is Ctrl-C; all others are for the user to fix. */
    code: oneOf(
      'bad-argument',
      'bad-model',
      'bad-data',
      'missing-file',
      'unsupported',
      'unwritable',
      'out-of-resources',
      'busy',
      'internal',
      'interrupted',
    ),
    message: text,
    /** A file, a node, a row, a field. */
    where: nullable(text),
    /** What to do about it. */
    hint: nullable(text),
  }),
})
export type FailureReport = Infer<typeof failure>
