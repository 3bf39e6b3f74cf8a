import { UserError } from '../platform/index.ts'
import type { Dataset } from './dataset.ts'
import { didYouMean, listNames } from './list-names.ts'

/**
 * One value a row of a field of single values (a label, a slice field), in the order of the rows and by nothing else
 * being read: enough to stratify a split or to group rows. 8 bytes a number; text as it is.
 *
 * @throws UserError `bad-argument` for a field that is not there or has more than one value a row.
 */
export async function readField(data: Dataset, name: string): Promise<readonly (number | bigint | string)[]> {
  const field = data.fields.find((candidate) => candidate.name === name)
  if (!field || field.rowShape.length > 0) {
    const single = data.fields.filter(({ rowShape }) => rowShape.length === 0).map((candidate) => candidate.name)
    throw new UserError('bad-argument', `"${data.path}" has no field "${name}" with one value a row.`, {
      where: data.path,
      hint: `It has ${listNames(single)}.${didYouMean(name, single)}`,
    })
  }
  const values: (number | bigint | string)[] = []
  for await (const { columns } of data.read({ fields: [name], batch: 4096 }))
    for (const value of columns[name]!.data) values.push(value)
  return values
}
