import type { Details } from "./select.ts";
import { satisfies } from "./versions.ts";

/** What an image asks of a machine: NVIDIA_REQUIRE_CUDA="cuda>=12.4 brand=tesla,driver>=470". */
export interface Requirement {
  readonly variable: string;
  readonly text: string;
}

/** The requirements among an image's variables; none with NVIDIA_DISABLE_REQUIRE. */
export function requirementsOf(env: Readonly<Record<string, string>>): readonly Requirement[] {
  if (/^(1|true|yes)$/i.test(env.NVIDIA_DISABLE_REQUIRE ?? "")) return [];
  return Object.entries(env)
    .filter(([name, text]) => name.startsWith("NVIDIA_REQUIRE_") && text.trim() !== "")
    .map(([variable, text]) => ({ variable, text }));
}

/** What the conditions are compared with; null: unknown, and then no reason to refuse. */
export interface Facts {
  readonly driver: string;
  readonly cuda: string | null;
  readonly compute: Details["compute"];
  readonly model: string;
}

/** The condition that does not hold; null: all do. A space is "or", a comma "and". */
export function unmet({ variable, text }: Requirement, facts: Facts): string | null {
  const alternatives = text.trim().split(/\s+/);
  if (alternatives.some((all) => all.split(",").every((condition) => holds(condition, facts)))) return null;
  return `${variable} asks for ${alternatives.join(" or ").replaceAll(",", " and ")}, here are driver ${facts.driver}${facts.cuda === null ? "" : `, CUDA ${facts.cuda}`}, ${facts.model}`;
}

function holds(condition: string, facts: Facts): boolean {
  const [, name = "", constraint = ""] = /^([a-z]+)((?:>=|<=|!=|>|<|=).+)$/.exec(condition) ?? [];
  switch (name) {
    case "driver":
      return satisfies(facts.driver, constraint);
    case "cuda":
      return facts.cuda === null || satisfies(facts.cuda, constraint);
    case "arch":
      return facts.compute === null || satisfies(facts.compute, constraint);
    case "brand":
      return facts.model.toLowerCase().includes(constraint.replace(/^=/, "").toLowerCase());
    default:
      return true;
  }
}

/** The newest CUDA that a driver serves, by its branch. */
export function cudaOf(driver: string): string | null {
  const branch = Number(driver.split(".")[0]);
  return newest.find(([from]) => branch >= from)?.[1] ?? null;
}

const newest = [
  [595, "13.2"],
  [590, "13.1"],
  [580, "13.0"],
  [575, "12.9"],
  [570, "12.8"],
  [565, "12.7"],
  [560, "12.6"],
  [555, "12.5"],
  [550, "12.4"],
  [545, "12.3"],
  [535, "12.2"],
  [530, "12.1"],
  [525, "12.0"],
  [520, "11.8"],
  [515, "11.7"],
  [510, "11.6"],
  [470, "11.4"],
  [450, "11.0"],
] as const;
