import { renderIncident } from '../view/index.ts'
import { actOf } from './acts.ts'
import { ADMIN_OPTIONS, callAdmin } from './admin-call.ts'
import { writableFile, writeOutput } from './output-file.ts'
import type { Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

const ACTS = {
  list: { words: 0 },
  show: { words: 1, options: ['markdown'] },
  ack: { words: 1, options: ['markdown', 'note'] },
}
const LOG = 'the log of the server says what it does'

export const incidentVerb: Verb = {
  name: 'incident',
  usage: 'incident list|show|ack [ID]',
  summary: 'What was rolled back, when and why, who was answered by what, and what to do now.',
  examples: [
    'whet incident list',
    'whet incident show i-0123456789ab --markdown incident.md',
    'whet incident ack i-0123456789ab --note "bad calibration set, see ticket 7"',
  ],
  positionals: { min: 1, max: 2, names: 'list, or show or ack and the id of an incident' },
  options: {
    markdown: { type: 'string', value: 'FILE', help: 'write the incident as a Markdown document too' },
    note: { type: 'string', value: 'TEXT', help: 'what was found' },
    ...ADMIN_OPTIONS,
  },
  async run(words, options, context) {
    const act = actOf('incident', ACTS, words, options)
    if (act === 'list')
      return { report: await callAdmin(options, { kind: 'incidents', path: '/v2/incidents', hint: LOG }) }
    const id = words[1]
    if (id === undefined)
      throw wrongCall(`whet incident ${act} needs the id of an incident`, 'whet incident list has them')
    const file = writableFile(options, 'markdown', 'incident.md')
    const path = `/v2/incidents/${encodeURIComponent(id)}`
    const call = { kind: 'incident', path, hint: 'whet incident list has those that there are' } as const
    const note = { note: options.text('note') ?? '' }
    const report = await callAdmin(options, act === 'show' ? call : { ...call, path: `${path}/ack`, body: note })
    if (file !== undefined) await writeOutput(file, renderIncident(report), context)
    return { report }
  },
}
