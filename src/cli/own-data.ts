import { basename, dirname, isAbsolute, join } from 'node:path'
import { type Dataset, type Field, looksLikeState } from '../data/index.ts'
import type { GateSpec } from '../evaluate/index.ts'
import { fitsShape, inferTypes, type Model, type Shape, shapeText } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { dataFor } from './inputs.ts'
import type { Arguments, OptionSpec } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const DATA_FOR: OptionSpec = {
  type: 'string',
  multiple: true,
  value: 'MODEL=D2',
  help: 'the same rows as this model wants them: another size, other values or names of inputs; may be repeated',
}

/**
 * Where models of a call find the rows in their own form: by `--data-for MODEL=D2` (the path or the name of its file), or
 * by the `data` of a gate file, whose paths are read from its folder.
 *
 * @throws UserError for a model that is not part of the call, and one that is told two places.
 */
export function ownPaths(
  models: readonly string[],
  options: Arguments,
  gates: readonly GateSpec[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const add = (model: string, path: string, where: string) => {
    const other = found.get(model)
    if (other !== undefined && other !== path)
      throw new UserError('bad-argument', `${model} is told two places of its rows: ${other} and ${path}`, {
        where,
        hint: 'leave one of them out',
      })
    found.set(model, path)
  }
  for (const text of options.list('data-for')) {
    const model = models.find((one) => [one, basename(one)].some((name) => text.startsWith(`${name}=`)))
    const path =
      model === undefined
        ? ''
        : text.slice(text.startsWith(`${model}=`) ? model.length + 1 : basename(model).length + 1)
    if (model === undefined || path === '')
      throw wrongCall(
        `--data-for ${text}: not MODEL=D2 of a model in this call`,
        `for example --data-for ${basename(models.at(-1)!)}=rows.npz`,
      )
    add(model, path, 'command line')
  }
  // A gate file outlives the models of one call: it may name others as well.
  for (const { file, data } of gates)
    for (const { model: name, path, line } of data)
      for (const model of models.filter((one) => basename(one) === name))
        add(model, isAbsolute(path) ? path : join(dirname(file), path), `${file}:${line}`)
  return found
}

/**
 * The model's own form of the rows, or undefined where those of all fit. Rows that do not fit are prepared anew for its
 * inputs: a folder of images is decoded to its size.
 *
 * @throws UserError where they cannot be, saying how to name rows for it.
 */
export async function ownData(
  name: string,
  model: Model,
  shared: { readonly path: string; readonly data: Dataset },
  own: string | undefined,
  options: Arguments,
): Promise<Dataset | undefined> {
  if (own !== undefined) return dataFor(own, model, options)
  if (misfit(model, shared.data) === null) return undefined
  try {
    const prepared = await dataFor(shared.path, model, options)
    const wrong = misfit(model, prepared)
    if (wrong !== null)
      throw new UserError('bad-data', `${name} does not take the rows: ${wrong}`, { where: shared.path })
    return prepared
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(error.code, error.message, {
      ...(error.where === undefined ? {} : { where: error.where }),
      hint: `${error.hint ? `${error.hint} ` : ''}${error.hint ? 'Or give' : 'Give'} rows that are prepared for this model: --data-for ${basename(name)}=D2`,
      cause: error,
    })
  }
}

/** Which input is missing among the fields, or wants a size that the field of its name has not; null where none does. */
function misfit(model: Model, data: Dataset): string | null {
  const types = inferTypes(model)
  for (const { name, type: declared } of model.graph.inputs) {
    const type = types.get(name) ?? declared
    if (model.graph.initializers.has(name) || type.kind !== 'tensor' || name in data.constants) continue
    const field = data.fields.find((one) => one.name === name)
    // A state begins with zeros.
    if (!field && !looksLikeState(name)) return `there is no field "${name}"`
    const { shape } = type
    if (!field || !shape || formsOf(field.rowShape, shape).some(([row, dims]) => fitsShape(row, dims))) continue
    return `"${name}" has rows of shape ${shapeText(field.rowShape)}, and its input wants ${shapeText(shape)}`
  }
  return null
}

/** A row and the sizes that it may have to have: as they are, without a first axis of 1, or for a model that takes one. */
function formsOf(row: Field['rowShape'], shape: Shape): readonly (readonly [Field['rowShape'], Shape])[] {
  const squeezed = row[0] === 1 ? [[row.slice(1), shape.slice(1)] as const] : []
  return [[row, shape.slice(1)], ...squeezed, [row, shape], [row, shape.slice(2)]]
}
