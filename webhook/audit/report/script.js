"use strict";
/* Makes the report's list searchable and shows single decisions. Texts get into the page as text alone: names and
   values come from whoever creates pods. */
(() => {
  const byId = (id) => document.getElementById(id);
  const tables = JSON.parse(byId("report-tables").textContent);
  const rows = [];
  for (const chunk of document.querySelectorAll("script.report-rows")) {
    for (const row of JSON.parse(chunk.textContent)) rows.push(row);
    chunk.remove();
  }
  rows.reverse();
  const [SEQUENCE, TIME, DECISION, REASON, NAMESPACE, POD, ID, NAME, USER, UID, CONFIGURATION, SHAPE, CAUSES, OBJECT,
    FLAGS] = Array(15).keys();
  const DRY_RUN = 1, VALIDATE = 2, MADE_NAME = 4;
  const PAGE_ROWS = 50;
  const CONTEXT_LINES = 3;
  const MOST_LINES = 1500;
  const text = (number) => tables.strings[number];
  const decisionOf = (row) => text(row[DECISION]);
  const podOf = (row) => text(row[NAMESPACE]) + "/" + row[POD] + (row[FLAGS] & MADE_NAME ? "*" : "");
  const timeOf = (row) => new Date(row[TIME] * 1000).toISOString().replace("T", " ");
  const CLASSES = ["injected", "unchanged", "denied", "error", "skipped"];

  function element(name, className, content) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  function badge(decision) {
    return element("span", "badge " + (CLASSES.includes(decision) ? decision : ""), decision);
  }

  /* In operations and objects that pods share, the sandbox's own id and name have a place of their own. */
  function filled(row, template) {
    return template.replaceAll("\u0001", row[ID]).replaceAll("\u0002", row[NAME]);
  }

  function filledValue(row, value) {
    if (typeof value === "string") return filled(row, value);
    if (Array.isArray(value)) return value.map((item) => filledValue(row, item));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [filled(row, key), filledValue(row, item)]));
    return value;
  }

  function operationsOf(row) {
    if (row[SHAPE] < 0) return [];
    return tables.shapes[row[SHAPE]].map((number) => {
      const operation = filledValue(row, tables.operations[number].operation);
      return {...operation, reason: tables.operations[number].reason};
    });
  }

  /* RFC 6902, as far as our patches use it. */
  function steps(pointer) {
    return pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  }

  function ownerOf(tree, path) {
    return path.slice(0, -1).reduce((owner, step) => owner[step], tree);
  }

  function take(tree, pointer) {
    const path = steps(pointer), owner = ownerOf(tree, path), key = path.at(-1);
    if (Array.isArray(owner)) return owner.splice(Number(key), 1)[0];
    const value = owner[key];
    delete owner[key];
    return value;
  }

  function put(tree, pointer, value) {
    const path = steps(pointer), owner = ownerOf(tree, path), key = path.at(-1);
    if (Array.isArray(owner)) owner.splice(key === "-" ? owner.length : Number(key), 0, value);
    else owner[key] = value;
  }

  function apply(tree, operation) {
    const value = structuredClone(operation.value);
    if (operation.op === "move") put(tree, operation.path, take(tree, operation.from));
    else if (operation.op === "remove") take(tree, operation.path);
    else {
      if (operation.op === "replace") take(tree, operation.path);
      put(tree, operation.path, value);
    }
  }

  /* YAML for reading: one line for each value. */
  function linesOf(value, indent, lead) {
    const pad = "  ".repeat(indent);
    const scalar = (item) => typeof item === "string" && /^[\w./:@ -]+$/.test(item) && item.trim() === item
      && !/^[\d-]|: |^(true|false|null|yes|no)$/i.test(item) ? item : JSON.stringify(item);
    const isTree = (item) => item && typeof item === "object" && Object.keys(item).length > 0;
    const lines = [];
    for (const [key, item] of Object.entries(value)) {
      const head = Array.isArray(value) ? "- " : scalar(key) + ": ";
      const prefix = lines.length === 0 && lead !== undefined ? lead : pad;
      if (!isTree(item)) lines.push(prefix + head + scalar(item));
      else if (Array.isArray(value)) lines.push(...linesOf(item, indent + 1, prefix + head));
      else lines.push((prefix + head).trimEnd(), ...linesOf(item, indent + (Array.isArray(item) ? 0 : 1)));
    }
    return lines;
  }

  /* Lines that both have, by the longest common subsequence; kept lines are " ", others "-" and "+". */
  function compare(before, after) {
    const width = after.length + 1;
    const longest = new Uint16Array((before.length + 1) * width);
    for (let i = before.length - 1; i >= 0; i--)
      for (let j = after.length - 1; j >= 0; j--)
        longest[i * width + j] = before[i] === after[j] ? longest[(i + 1) * width + j + 1] + 1
          : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    const result = [];
    let i = 0, j = 0;
    while (i < before.length || j < after.length) {
      if (i < before.length && j < after.length && before[i] === after[j]) {
        result.push([" ", before[i++]]);
        j++;
      } else if (i < before.length && (j === after.length || longest[(i + 1) * width + j] >= longest[i * width + j + 1]))
        result.push(["-", before[i++]]);
      else result.push(["+", after[j++]]);
    }
    return result;
  }

  function showDifference(before, after) {
    const lines = compare(before.slice(0, MOST_LINES), after.slice(0, MOST_LINES));
    const isNear = lines.map((_, at) => lines.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1)
      .some(([mark]) => mark !== " "));
    const box = element("pre", "difference");
    let folded = 0;
    const endFold = () => {
      if (folded) box.append(element("span", "fold", folded + (folded === 1 ? " line" : " lines") + " as before"));
      folded = 0;
    };
    lines.forEach(([mark, line], at) => {
      if (!isNear[at]) {
        folded++;
        return;
      }
      endFold();
      box.append(element("span", mark === "+" ? "added" : mark === "-" ? "removed" : "", mark + " " + line));
    });
    endFold();
    return box;
  }

  function showValue(value) {
    return value && typeof value === "object" && Object.keys(value).length ? linesOf(value, 0).join("\n")
      : typeof value === "string" ? value || '""' : JSON.stringify(value);
  }

  function showOperation(operation) {
    const box = element("div", "operation");
    const path = element("div", "path");
    path.append(element("span", "badge verb " + operation.op, operation.op),
      element("code", "", (operation.from ? operation.from + " to " : "") + operation.path));
    box.append(path, element("p", "why", operation.reason || "no reason is known without the recorded configuration and object"));
    if (operation.value !== undefined) box.append(element("pre", "", showValue(operation.value)));
    return box;
  }

  function showPod(row, operations, body) {
    if (row[OBJECT] < 0) return;
    const before = filledValue(row, tables.objects[row[OBJECT]]);
    const after = structuredClone(before);
    body.append(element("h3", "", operations.length ? "Before and after" : "The pod as it came"));
    try {
      for (const operation of operations) apply(after, operation);
      body.append(operations.length ? showDifference(linesOf(before, 0), linesOf(after, 0))
        : element("pre", "", linesOf(before, 0).join("\n")));
    } catch {
      body.append(element("p", "quiet", "The recorded patch does not apply to the recorded object."));
    }
  }

  function showFacts(row, body) {
    const facts = element("dl", "facts");
    const add = (name, value) => value && facts.append(element("dt", "", name), element("dd", "", value));
    facts.append(element("dt", "", "Decision"));
    const decision = element("dd");
    decision.append(badge(decisionOf(row)), " " + text(row[REASON]) + (row[FLAGS] & DRY_RUN ? ", dry run" : ""));
    facts.append(decision);
    add("Asked", row[FLAGS] & VALIDATE ? "/validate, about the finished pod" : "/mutate, about the pod as it came");
    add("Time", timeOf(row));
    add("User", text(row[USER]));
    add("Sandbox", row[NAME] + (row[ID] ? " (" + row[ID] + ")" : ""));
    add("Request", row[UID]);
    add("Configuration", text(row[CONFIGURATION]));
    body.append(facts);
  }

  function showCauses(row, body) {
    if (row[CAUSES] < 0) return;
    body.append(element("h3", "", "Why it was denied"));
    for (const cause of tables.causes[row[CAUSES]]) {
      const box = element("div", "cause");
      box.append(element("strong", "", cause.reason), " ", element("code", "", cause.field),
        element("p", "", cause.message));
      body.append(box);
    }
  }

  const dialog = byId("detail");
  function showDetail(row) {
    const body = byId("detail-body");
    const operations = operationsOf(row);
    body.replaceChildren();
    byId("detail-title").textContent = "Record " + row[SEQUENCE] + ": " + podOf(row);
    showFacts(row, body);
    showCauses(row, body);
    showPod(row, operations, body);
    if (operations.length) body.append(element("h3", "", operations.length + " operations, each with its reason"));
    for (const operation of operations) body.append(showOperation(operation));
    if (row[SHAPE] === -2)
      body.append(element("p", "quiet", "The operations are left out to keep this file small: "
        + "openshell-injector audit diff --uid " + row[UID]));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    history.replaceState(null, "", "#record-" + row[SEQUENCE]);
  }
  byId("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => history.replaceState(null, "", "#decisions"));

  /* The list */
  let found = rows, page = 0;
  const inputs = {search: byId("search"), decision: byId("filter-decision"), namespace: byId("filter-namespace"),
    user: byId("filter-user")};
  const columns = {decision: DECISION, namespace: NAMESPACE, user: USER};

  function fillFilter(select, column) {
    const numbers = [...new Set(rows.map((row) => row[column]))];
    for (const number of numbers.sort((a, b) => text(a) < text(b) ? -1 : 1)) {
      const option = element("option", "", text(number) || "(none)");
      option.value = String(number);
      select.append(option);
    }
  }
  for (const [name, column] of Object.entries(columns)) fillFilter(inputs[name], column);

  function matches(row, words) {
    const line = [podOf(row), row[NAME], row[ID], text(row[USER]), row[UID], text(row[REASON]), row[SEQUENCE]]
      .join("\n").toLowerCase();
    return words.every((word) => line.includes(word));
  }

  function showRow(row) {
    const line = element("tr");
    line.tabIndex = 0;
    const decision = element("td");
    decision.append(badge(decisionOf(row)));
    if (row[FLAGS] & DRY_RUN) decision.append(element("span", "quiet", " dry run"));
    line.append(element("td", "number", row[SEQUENCE]), element("td", "", timeOf(row).slice(0, 19)), decision,
      element("td", "", text(row[REASON])), element("td", "", podOf(row)), element("td", "", row[NAME]),
      element("td", "", text(row[USER])));
    for (const cell of line.cells) cell.title = cell.textContent;
    line.addEventListener("click", () => showDetail(row));
    line.addEventListener("keydown", (event) => event.key === "Enter" && showDetail(row));
    return line;
  }

  function showPage() {
    const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
    page = Math.min(Math.max(page, 0), pages - 1);
    byId("list").tBodies[0].replaceChildren(...found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS).map(showRow));
    byId("shown").textContent = found.length === rows.length ? rows.length.toLocaleString("en") + " decisions"
      : found.length.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " decisions";
    byId("page").textContent = "Page " + (page + 1) + " of " + pages.toLocaleString("en");
    byId("newer").disabled = page === 0;
    byId("older").disabled = page === pages - 1;
  }

  function search() {
    const words = inputs.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = Object.entries(columns).filter(([name]) => inputs[name].value !== "")
      .map(([name, column]) => [column, Number(inputs[name].value)]);
    found = rows.filter((row) => wanted.every(([column, number]) => row[column] === number) && matches(row, words));
    page = 0;
    showPage();
  }

  let timer = 0;
  inputs.search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 120);
  });
  for (const name of Object.keys(columns)) inputs[name].addEventListener("change", search);
  byId("clear").addEventListener("click", () => {
    for (const input of Object.values(inputs)) input.value = "";
    search();
  });
  byId("newer").addEventListener("click", () => { page--; showPage(); });
  byId("older").addEventListener("click", () => { page++; showPage(); });

  document.documentElement.classList.add("scripted");
  byId("decisions").hidden = false;
  showPage();
  const asked = /^#record-(\d+)$/.exec(location.hash);
  const row = asked && rows.find((candidate) => candidate[SEQUENCE] === Number(asked[1]));
  if (row) showDetail(row);
})();
