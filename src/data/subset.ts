import { sha256Stream } from '../platform/index.ts'
import { checkIndices } from './check-indices.ts'
import type { Dataset, Rows } from './dataset.ts'

/**
 * The rows at `indices` of a data set, as a data set of its own: row i of the view is row `indices[i]` of the whole.
 * Nothing is read; notes and skipped rows are the whole set's.
 */
export function subset(data: Dataset, indices: readonly number[]): Dataset {
  checkIndices(indices, data)
  let digest: Promise<string> | undefined
  return {
    path: data.path,
    fields: data.fields,
    rows: indices.length,
    constants: data.constants,
    domains: data.domains,
    ...(data.pixels ? { pixels: data.pixels } : {}),
    ...(data.classNames ? { classNames: data.classNames } : {}),
    get notes() {
      return data.notes
    },
    get skipped() {
      return data.skipped
    },
    digest: () => (digest ??= data.digest().then((whole) => sha256Stream(chunks(whole, indices)))),
    async *read({ indices: asked, batch, fields } = {}) {
      const chosen = asked ?? indices.map((_, i) => i)
      checkIndices(chosen, { path: data.path, rows: indices.length }, 'this part')
      const whole = chosen.map((index) => indices[index]!)
      // A skipped row makes the place in the batch differ from the place in the request: walk both in step.
      let next = 0
      const options = { batch, fields }
      for await (const rows of data.read({ indices: whole, ...options })) {
        const own: number[] = []
        for (const index of rows.indices) {
          while (whole[next] !== index) next++
          own.push(chosen[next++]!)
        }
        yield { ...rows, indices: own, places: rows.places ?? rows.indices } satisfies Rows
      }
    },
  }
}

async function* chunks(whole: string, indices: readonly number[]): AsyncGenerator<string> {
  yield `${whole}\n`
  for (let from = 0; from < indices.length; from += 4096) yield `${indices.slice(from, from + 4096).join(',')},`
}
