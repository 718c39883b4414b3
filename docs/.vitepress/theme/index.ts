/** The default theme with the fonts of the reader's machine: others would be files that most of a site's weight is. */
import theme from 'vitepress/theme-without-fonts';
import './site.css';

export default theme;
