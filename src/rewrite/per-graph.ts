import type { GraphEditor } from './graph-editor.ts'

/** Something for each graph that rules edit, such as what they have made of it so far; made when it is first asked for. */
export function perGraph<T>(make: (editor: GraphEditor) => T): (editor: GraphEditor) => T {
  const made = new WeakMap<GraphEditor, T>()
  return (editor) => {
    const known = made.get(editor) ?? make(editor)
    made.set(editor, known)
    return known
  }
}
