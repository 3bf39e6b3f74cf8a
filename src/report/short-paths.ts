/**
 * The last part of each path, and so many parts before it as tell it from the others: `v1/model.onnx` beside
 * `v2/model.onnx`. The same path has one name.
 */
export function shortPaths(paths: readonly string[]): ReadonlyMap<string, string> {
  const split = [...new Set(paths)].map((path) => ({ path, parts: path.split(/[\\/]/).filter((part) => part !== '.') }))
  const tail = (parts: readonly string[], count: number) => parts.slice(-count).join('/')
  return new Map(
    split.map(({ path, parts }) => {
      const others = split.filter((other) => other.path !== path)
      let count = 1
      while (count < parts.length && others.some((other) => tail(other.parts, count) === tail(parts, count))) count++
      return [path, tail(parts, count)]
    }),
  )
}
