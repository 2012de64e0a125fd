import { pathToFileURL } from "node:url";

/** The first column of a query over a database that nobody writes to meanwhile. Nothing is locked or made beside it. */
export function sqliteColumn(path: string, query: string): readonly Buffer[] {
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const database = new DatabaseSync(new URL(`${pathToFileURL(path).href}?immutable=1`), { readOnly: true });
  try {
    const rows = database.prepare(query).all();
    return rows.flatMap((row) => Object.values(row).slice(0, 1)).flatMap(asBuffer);
  } finally {
    database.close();
  }
}

const asBuffer = (value: unknown): readonly Buffer[] =>
  value instanceof Uint8Array ? [Buffer.from(value)] : [];
