import { type Call, type ExitCode, jsonText, table } from "./command.ts";

/** How many rows of a list are made at a time. */
const PAGE_SIZE = 200;

/** How a list of any length is answered. */
type ListedAs<Item, View> = {
  readonly view: (item: Item) => Promise<View>;
  readonly cells: (view: View) => readonly string[];
};

/**
 * The answer with very many rows, written page by page: one JSON document with `--json`, else columns. A column is as wide as
 * its widest cell up to the end of the page.
 */
export async function answerList<Item, View>(
  call: Call,
  items: AsyncIterable<Item>,
  { view, cells }: ListedAs<Item, View>,
): Promise<ExitCode> {
  const { write } = call.terminal;
  let widths: readonly number[] = [];
  let isFirst = true;
  for await (const page of pagesOf(items)) {
    const views = await Promise.all(page.map(view));
    if (call.isJson) {
      const written = views.map((one) => indented(jsonText(one)));
      write(`${isFirst ? "[" : ","}\n${written.join(",\n")}`);
    } else {
      const rows = views.map(cells);
      widths = (rows[0] ?? []).map((_, column) =>
        Math.max(widths[column] ?? 0, ...rows.map((row) => row[column]?.length ?? 0)),
      );
      write(`${table(rows, widths).join("\n")}\n`);
    }
    isFirst = false;
  }
  if (call.isJson) write(isFirst ? "[]\n" : "\n]\n");
  return 0;
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

async function* pagesOf<Item>(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  let page: Item[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length < PAGE_SIZE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
