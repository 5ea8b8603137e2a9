import { useSyncExternalStore } from "react";

let changes = 0;

/** Another value whenever VS Code has changed the theme: colours that were read for a canvas are old then. */
export function useTheme(): number {
  return useSyncExternalStore(watchTheme, () => changes);
}

function watchTheme(changed: () => void): () => void {
  const observer = new MutationObserver(() => {
    changes++;
    changed();
  });
  observer.observe(document.body, { attributeFilter: ["class"] });
  // VS Code sets the colours as properties of the root.
  observer.observe(document.documentElement, { attributeFilter: ["style"] });
  return () => observer.disconnect();
}
