import { extname } from 'node:path'
import type { Dataset } from '../data/index.ts'
import { leftUnseen, openIsolated, type Session } from '../engine/index.ts'
import { predictRows, safeBatch } from '../evaluate/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { sha256, UserError, withLock } from '../platform/index.ts'
import type { PredictionReport } from '../report/index.ts'
import { DATA, dataFor, modelAt, READING, SLICE, THREADS } from './inputs.ts'
import { outputFile } from './output-file.ts'
import {
  FORMATS,
  type FormatName,
  type PredictionFormat,
  predictionFormats,
  spooledOutputs,
} from './prediction-file.ts'
import { PredictionSpool } from './prediction-spool.ts'
import type { Context, Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

/** Milliseconds between the points from which an interrupted run goes on. */
const SAFE_MS = 1000

/** Raised when the files of a spool change: what an older version left is not gone on with. */
const LAYOUT = 3

export const predictVerb: Verb = {
  name: 'predict',
  usage: 'predict MODEL --data D -o OUT.jsonl|.npz|.parquet [--batch 32]',
  summary: 'The model’s answers to every row, streamed to a file; an interrupted run goes on where it was.',
  examples: ['whet predict model.onnx --data eval.npz -o answers.jsonl'],
  keepsWork: true,
  positionals: { min: 1, max: 1, names: 'one model' },
  options: {
    data: DATA,
    ...READING,
    label: { ...READING.label, help: `${READING.label.help}, which is not fed to the model` },
    slice: { ...SLICE, help: 'a field that is not fed to the model; may be repeated' },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'where to write the answers: .jsonl, .npz or .parquet' },
    batch: {
      type: 'string',
      value: 'N',
      help: 'rows that share a run (32); 1 where answers would depend on the rows beside them',
    },
    threads: THREADS,
  },
  async run([modelPath], options, context) {
    const path = outputFile(options, 'answers.jsonl')
    const name = extname(path).slice(1) as FormatName
    if (!FORMATS.includes(name))
      throw wrongCall(
        `-o ${path}: answers are written as ${FORMATS.map((one) => `.${one}`).join(', ')}`,
        'for example -o answers.jsonl',
      )
    const dataPath = options.required('data', 'say which rows: --data D')
    const model = await modelAt(modelPath!, options)
    const data = await dataFor(dataPath, model, options, false)
    const session = await openIsolated(modelPath!, { threads: options.integer('threads', 1, 1, 256) })
    try {
      const { batch, reason } = await safeBatch(session, data, options.integer('batch', 32, 1, 65_536))
      const digests = { model: modelDigest(model), data: await data.digest() }
      const key = sha256(JSON.stringify([LAYOUT, digests, batch, name, data.fields]))
      const busy = { busy: `another run is writing ${path}`, instead: 'write to another file' }
      const written = await withLock(
        `${path}.partial`,
        () => writeAnswers(session, data, { path, format: predictionFormats[name], key, batch }, context),
        busy,
      )
      const report: PredictionReport = {
        kind: 'prediction',
        version: 1,
        model: { path: modelPath!, digest: digests.model },
        data: { path: dataPath, digest: digests.data },
        path,
        format: name,
        ...written,
        skipped: data.skipped.length,
        batch,
        notes: [...(reason === null ? [] : [reason]), ...leftUnseen(session.omitted), ...data.notes],
      }
      return { report }
    } finally {
      await session.close()
    }
  },
}

interface Destination {
  readonly path: string
  readonly format: PredictionFormat
  /** Everything that decides the answers. */
  readonly key: string
  readonly batch: number
}

/** Streams the answers beside their place, from where an earlier run was cut, and puts them there when all are safe. */
async function writeAnswers(
  session: Session,
  data: Dataset,
  { path, format, key, batch }: Destination,
  context: Context,
): Promise<Pick<PredictionReport, 'rows' | 'resumed' | 'rowsPerSecond' | 'outputs'>> {
  const spool = new PredictionSpool(`${path}.partial`, key)
  try {
    const resumed = spool.rows
    const start = performance.now()
    let safe = start
    // Arrays of NumPy hold no texts here, and the numbers beside them are there all the same.
    const classNames = path.endsWith('.npz') ? undefined : data.classNames
    const reading = { batch, from: spool.next, classNames, signal: context.signal }
    for await (const rows of predictRows(session, data, reading)) {
      if (spool.rows === 0) spool.outputs = spooledOutputs(rows)
      format.add(spool, rows)
      spool.rows += rows.indices.length
      spool.next = rows.indices.at(-1)! + 1
      context.progress(`row ${spool.next} of ${data.rows}`)
      if (performance.now() - safe > SAFE_MS) {
        await spool.commit()
        safe = performance.now()
      }
    }
    const seconds = (performance.now() - start) / 1000
    const { rows, outputs } = spool
    await spool.commit()
    await format.finish(spool, path)
    spool.remove()
    return { rows, resumed, rowsPerSecond: rows > resumed ? (rows - resumed) / seconds : 0, outputs }
  } catch (error) {
    // What is done so far is kept for the next run of the same command, unless that would be refused as this one is.
    const refused = error instanceof UserError && error.code === 'unsupported'
    if (spool.rows === 0 || refused) spool.remove()
    else {
      await spool.commit().catch(() => {})
      spool.close()
    }
    throw error
  }
}
