// Adds up what the suites reported. A suite without a report counts as one failure: nothing that
// did not run may look like a success.
import { readFileSync } from "node:fs";

const testStatus = process.argv[2];
const total = { passed: 0, failed: 0, skipped: 0 };

function add(name, counts) {
  for (const key of Object.keys(total)) total[key] += counts[key];
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
}

function read(name, parse) {
  try {
    return parse(readFileSync(`dist/reports/${name}`, "utf8"));
  } catch (error) {
    console.log(`${name}: no report (${error.message})`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function vitest(text) {
  const report = JSON.parse(text);
  // A file that does not load has no tests, but it has failed.
  const broken = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  if (counts.passed + counts.failed === 0) throw new Error("no test ran");
  if (!report.success && counts.failed === 0) counts.failed = 1;
  return counts;
}

function rust(text) {
  const results = [...text.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)];
  if (results.length === 0) throw new Error("no test ran");
  const sum = (index) => results.reduce((count, match) => count + Number(match[index]), 0);
  const counts = { passed: sum(1), failed: sum(2), skipped: sum(3) };
  if (readFileSync("dist/reports/rust.status", "utf8").trim() !== "0" && counts.failed === 0)
    counts.failed = 1;
  return counts;
}

function lint(text) {
  const checks = [...text.matchAll(/^lint: \w+ (OK|FAILED)$/gm)].map((match) => match[1]);
  const passed = checks.filter((check) => check === "OK").length;
  return { passed, failed: checks.length === 0 ? 1 : checks.length - passed, skipped: 0 };
}

function machine(text) {
  if (text.includes("vm: needs root on x86_64")) return { passed: 0, failed: 0, skipped: 1 };
  const count = (pattern) => [...text.matchAll(pattern)].length;
  const counts = { passed: count(/\]: ok /g), failed: count(/\]: not ok /g), skipped: 0 };
  if (counts.passed === 0) throw new Error("no test ran");
  if (!text.includes("vm-end code=0") && counts.failed === 0) counts.failed = 1;
  return counts;
}

add("rust", read("rust.txt", rust));
add("unit", read("unit.json", vitest));
add("e2e", read("e2e.json", vitest));
add("machine", read("machine.txt", machine));
add("lint", read("lint.txt", lint));
if (testStatus !== "0" && total.failed === 0) {
  console.log(`npm test: exit code ${testStatus}`);
  total.failed += 1;
}

console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`,
);
process.exitCode = total.failed > 0 ? 1 : 0;
