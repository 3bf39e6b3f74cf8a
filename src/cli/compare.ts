import { pictureOf, rowPictures } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import { compareGated, compareModels, type RowSaliency, saliencyOf } from '../recipe/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import type { RowPictures } from '../view/index.ts'
import { exitOfVerdict } from './exit.ts'
import { GATE, gateAt, refuseDoubles } from './gate.ts'
import { ALPHA, DATA, dataFor, MARGIN, METRIC, modelAt, READING, SEED, SLICE } from './inputs.ts'
import { metricOf } from './metric.ts'
import { pageAt, writableFile, writeOutput } from './output-file.ts'
import { DATA_FOR, ownData, ownPaths } from './own-data.ts'
import type { Arguments, Context, Verb } from './verb.ts'

/** Where a comparison can be written besides stdout. */
const OUTPUTS = {
  output: { ending: 'html', help: 'the report as one page of HTML, with pictures or text of the rows that changed' },
  junit: { ending: 'xml', help: 'the checks as JUnit XML' },
  sarif: { ending: 'sarif', help: 'the checks as SARIF 2.1.0, for code scanning' },
  markdown: { ending: 'md', help: 'the result as Markdown, for a comment' },
} as const
type Output = keyof typeof OUTPUTS

export const compareVerb: Verb = {
  name: 'compare',
  usage: 'compare BASE CANDIDATE --data D [--margin 0.01] [--slice FIELD]… [-o report.html]',
  summary: 'Is the candidate as good as the base? Same rows, paired, with a margin: pass, regressed or inconclusive.',
  examples: [
    'whet compare model.onnx int8.onnx --data eval.npz -o report.html',
    'whet compare v7.onnx v8.onnx --data eval.npz --slice country --margin 0.005',
    'whet compare v7.onnx v8.onnx --data eval.npz --gate whetstone.gate.yaml --junit gate.xml',
  ],
  positionals: { min: 2, max: 2, names: 'two models' },
  options: {
    data: DATA,
    'data-for': DATA_FOR,
    margin: MARGIN,
    alpha: ALPHA,
    slice: SLICE,
    ...READING,
    metric: METRIC,
    cluster: {
      type: 'string',
      value: 'FIELD',
      help: 'rows with the same value belong together (one person, document, recording)',
    },
    gate: GATE,
    timing: { type: 'boolean', help: 'time both models by turns as well, for some seconds; a page (-o) always does' },
    output: { type: 'string', short: 'o', value: 'FILE', help: OUTPUTS.output.help },
    junit: { type: 'string', value: 'FILE', help: OUTPUTS.junit.help },
    sarif: { type: 'string', value: 'FILE', help: OUTPUTS.sarif.help },
    markdown: { type: 'string', value: 'FILE', help: OUTPUTS.markdown.help },
    seed: SEED,
  },
  async run([basePath, candidatePath], options, context) {
    const path = options.required('data', 'no data is never a pass: give rows with --data D')
    const outputs = outputsOf(options)
    const gatePath = options.text('gate')
    const gate = gatePath === undefined ? null : gateAt(gatePath)
    if (gate) refuseDoubles(gate, options)
    const settings = {
      margin: options.number('margin', 0.01, Number.MIN_VALUE),
      alpha: options.number('alpha', 0.05, 1e-9, 0.5),
      seed: options.integer('seed', 0),
      slices: options.list('slice'),
      signal: context.signal,
      onProgress: (done: number, of: number) => context.progress(`row ${done} of ${of}`),
      onStep: (text: string) => context.progress(text),
    }
    const [base, candidate] = [await modelAt(basePath!, options), await modelAt(candidatePath!, options)]
    const data = await dataFor(path, base, options)
    const metric = await metricOf(options)
    const label = options.text('label')
    const cluster = options.text('cluster')
    const asked = { ...settings, label, metric, cluster, timing: options.flag('timing') || outputs.has('output') }
    const models = { base: basePath!, candidate: candidatePath! }
    const own = ownPaths([models.base, models.candidate], options, gate ? [gate] : [])
    const named = async (name: string, model: Model) => ({
      name,
      model,
      data: await ownData(name, model, { path, data }, own.get(name), options),
    })
    const pair = [await named(models.base, base), await named(models.candidate, candidate)] as const
    const judged = gate ? await compareGated(...pair, data, gate, asked) : await compareModels(...pair, data, asked)
    const report = { ...judged, models }
    if (outputs.size > 0)
      await write(outputs, report, context, async () => {
        const { shownFlips } = await import('../view/index.ts')
        const rows = shownFlips(report).map(({ row }) => row)
        const pictures = await rowPictures(data, rows)
        if (pictures.size === 0) return { pictures }
        context.progress('what the changes hang on')
        const slopes = await saliencyOf(base, candidate, data, [...pictures.keys()], { signal: context.signal })
        return { pictures, saliency: drawn(slopes) }
      })
    return { report, exitCode: exitOfVerdict(report.gate?.verdict ?? report.verdict) }
  },
}

/** The files that were asked for, looked at before any work is done. */
function outputsOf(options: Arguments): ReadonlyMap<Output, string> {
  const outputs = new Map<Output, string>()
  for (const name of Object.keys(OUTPUTS) as Output[]) {
    const path = options.text(name)
    if (path === undefined) continue
    const example = `report.${OUTPUTS[name].ending}`
    const hint = '--json prints the report for programs; --junit, --sarif and --markdown are for pipelines'
    outputs.set(name, (name === 'output' ? pageAt(options, example, hint) : writableFile(options, name, example))!)
  }
  return outputs
}

interface ComparisonPictures {
  readonly pictures: RowPictures
  readonly saliency?: RowPictures
}

/** The rows whose shape is that of a picture. */
function drawn(slopes: ReadonlyMap<number, RowSaliency>): RowPictures {
  return new Map(
    [...slopes].flatMap(([row, { shape, values }]) => {
      const one = pictureOf(shape, values)
      return one ? [[row, one] as const] : []
    }),
  )
}

async function write(
  outputs: ReadonlyMap<Output, string>,
  report: ComparisonReport,
  context: Context,
  pictures: () => Promise<ComparisonPictures>,
): Promise<void> {
  const view = await import('../view/index.ts')
  for (const [name, path] of outputs) {
    const text =
      name === 'output'
        ? view.renderHtml(report, await pictures())
        : { junit: view.renderJUnit, sarif: view.renderSarif, markdown: view.renderMarkdown }[name](report)
    await writeOutput(path, text, context)
  }
}
