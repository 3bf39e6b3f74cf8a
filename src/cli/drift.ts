import { ADMIN_OPTIONS, callAdmin } from './admin-call.ts'
import type { Verb } from './verb.ts'

export const driftVerb: Verb = {
  name: 'drift',
  usage: 'drift NAME',
  summary: 'Whether the requests and answers of a served model still look as they did (whet serve --watch).',
  examples: ['whet drift digits'],
  positionals: { min: 1, max: 1, names: 'the name of a model' },
  options: ADMIN_OPTIONS,
  async run([name], options) {
    const path = `/v2/drift/${encodeURIComponent(name!)}`
    const hint =
      'with whet serve SOURCE --watch the server looks at requests as they come: ask again when some have come'
    return { report: await callAdmin(options, { kind: 'drift', path, hint }) }
  },
}
