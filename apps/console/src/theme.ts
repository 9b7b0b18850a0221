import { createTheme, type CSSVariablesResolver } from '@mantine/core';

export const theme = createTheme({
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SFMono-Regular', 'DejaVu Sans Mono', Menlo, Consolas, monospace",
  fontSizes: { xs: '11.5px', sm: '13px', md: '14px', lg: '16px', xl: '20px' },
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '18px', lineHeight: '1.3' },
      h2: { fontSize: '15px', lineHeight: '1.4' },
      h3: { fontSize: '13px', lineHeight: '1.4' },
    },
  },
  defaultRadius: 'sm',
  primaryColor: 'blue',
  // White on anything lighter is below 4.5:1.
  primaryShade: { light: 8, dark: 8 },
  respectReducedMotion: true,
  colors: {
    dark: [
      '#d5dbe3',
      '#b7c0ca',
      '#9aa4af',
      '#77818c',
      '#3d444d',
      '#2f363e',
      '#232930',
      '#12171d',
      '#0e1217',
      '#090c10',
    ],
  },
  components: {
    // At once: who opens one by a key types on.
    // A click beside one closes none: what was typed in it would be gone.
    Modal: {
      defaultProps: {
        closeOnClickOutside: false,
        closeButtonProps: { 'aria-label': 'Close' },
        yOffset: '8vh',
        transitionProps: { duration: 0 },
        // Else it counts as a second banner of the page.
        attributes: { header: { role: 'presentation' } },
      },
    },
    Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } },
    Button: { defaultProps: { size: 'xs' } },
    TextInput: { defaultProps: { size: 'xs' } },
    Textarea: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs', checkIconPosition: 'right' } },
    NumberInput: { defaultProps: { size: 'xs' } },
    TagsInput: { defaultProps: { size: 'xs' } },
    PasswordInput: { defaultProps: { size: 'xs' } },
    FileInput: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    Switch: { defaultProps: { size: 'sm' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true } },
    Text: { defaultProps: { size: 'sm' } },
    Anchor: { defaultProps: { size: 'sm' } },
  },
});

/** What a state's colour is, in one place: see shared/state-mark.tsx. Every pair is at least 4.5:1 on page and panel. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--ok': '#18713a',
    '--pending': '#875a00',
    '--bad': '#bd1f2b',
    '--off': '#57606a',
    '--accent': '#0b5cad',
    '--ok-fill': '#2da44e',
    '--bad-fill': '#cf222e',
    '--written-fill': '#a9cbf0',
    '--accent-fill': '#1f6fc4',
    '--pending-fill': '#d4a72c',
    '--off-fill': '#c4cad1',
    '--line': '#d9dee4',
    '--panel': '#f5f7f9',
    '--row-active': '#e6f0fb',
    '--mantine-color-dimmed': '#57606a',
    '--mantine-color-error': '#bd1f2b',
    '--mantine-color-placeholder': '#66707a',
  },
  dark: {
    '--ok': '#4cc163',
    '--pending': '#dba932',
    '--bad': '#ff7b72',
    '--off': '#9aa4af',
    '--accent': '#6cb2ff',
    '--ok-fill': '#2f9e4d',
    '--bad-fill': '#e5484d',
    '--written-fill': '#2b4a6b',
    '--accent-fill': '#3b8bea',
    '--pending-fill': '#b58a1e',
    '--off-fill': '#4b545e',
    '--line': '#2f363e',
    '--panel': '#181e25',
    '--row-active': '#1b2a3c',
    '--mantine-color-dimmed': '#9aa4af',
    '--mantine-color-error': '#ff7b72',
    '--mantine-color-placeholder': '#8d97a2',
  },
});
