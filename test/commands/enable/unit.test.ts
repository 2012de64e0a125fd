import { expect, it } from "vitest";
import { unitText, word } from "../../../src/commands/enable/unit.ts";

it("makes a unit that applies at boot and stops at shutdown", () => {
  const text = unitText({
    manager: "system",
    project: "shop",
    root: '/srv/my shop/100% "a"',
    program: "/opt/pavlos/bin/pavlos",
    options: ["--profile", "gpu"],
    environment: { PAVLOS_HOME: "/var/$x y" },
  });
  expect(text).toContain(
    'ExecStart="/opt/pavlos/bin/pavlos" "-C" "/srv/my shop/100%% \\"a\\"" "--profile" "gpu" "apply" "--yes" "--quiet"',
  );
  expect(text).toContain('Environment="PAVLOS_HOME=/var/$x y"');
  expect(text).toContain("WantedBy=multi-user.target");
  expect(text).not.toMatch(/[^%]%[^%]/);
});

it("quotes what systemd would read: dollars, backslashes, line ends", () => {
  expect(word("a $HOME \\ \n")).toBe('"a $$HOME \\\\ \\n"');
});
