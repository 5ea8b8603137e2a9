import { type Binding, bindings } from "./bindings.ts";

/** Runs the binding of a key, except where text is typed or a control has a use for it. */
export function listenToShortcuts(): void {
  window.addEventListener("keydown", (event) => {
    const binding = bindings.find((candidate) => matches(candidate, event));
    if (!binding || event.defaultPrevented) return;
    const isTyping = event.target instanceof Element && event.target.closest("input, select, textarea") !== null;
    if (isTyping && !binding.ctrl) return;
    if (event.code === "Space" && event.target instanceof Element && event.target.closest("button, [role=grid]")) return;
    event.preventDefault();
    binding.run();
  });
}

export function matches(binding: Binding, event: Pick<KeyboardEvent, "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">): boolean {
  const control = event.ctrlKey || event.metaKey;
  return event.code === binding.key && control === (binding.ctrl ?? false) && event.shiftKey === (binding.shift ?? false) && !event.altKey;
}

/** "Ctrl+F", "Shift+2". */
export function keyText({ key, ctrl, shift }: Binding): string {
  const names: Record<string, string> = { Equal: "+", Minus: "−", Escape: "Esc", Slash: "?" };
  const name = names[key] ?? key.replace(/^(Digit|Key)/, "");
  return [ctrl ? "Ctrl+" : "", shift && name !== "?" ? "Shift+" : "", name].join("");
}
