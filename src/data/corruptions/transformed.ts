import { sha256 } from '../../platform/index.ts'
import type { Column, Dataset } from '../dataset.ts'

/**
 * A data set whose named fields are changed row by row as they are read; everything else is as it was. `label` names the
 * change in the digest: equal labels must mean equal changes.
 */
export function transformed(
  data: Dataset,
  names: readonly string[],
  label: string,
  change: (column: Column, name: string, indices: readonly number[]) => Column,
): Dataset {
  let digest: Promise<string> | undefined
  return {
    path: data.path,
    fields: data.fields,
    rows: data.rows,
    constants: data.constants,
    domains: data.domains,
    ...(data.classNames ? { classNames: data.classNames } : {}),
    ...(data.pixels ? { pixels: data.pixels } : {}),
    get notes() {
      return data.notes
    },
    get skipped() {
      return data.skipped
    },
    digest: () => (digest ??= data.digest().then((whole) => sha256(`${whole}\n${label}`))),
    async *read(options) {
      for await (const rows of data.read(options)) {
        const columns = { ...rows.columns }
        for (const name of names) {
          const column = columns[name]
          if (column) columns[name] = change(column, name, rows.indices)
        }
        yield { indices: rows.indices, columns }
      }
    },
  }
}
