namespace Kraliki.OperatorConsole.Design;

/// <summary>Path data of the icons, drawn for a 20 × 20 grid and stroked in the colour of the text around them.</summary>
public static class Glyphs
{
    public const string Bot = "M5 8h10a1.5 1.5 0 0 1 1.5 1.5v5A1.5 1.5 0 0 1 15 16H5a1.5 1.5 0 0 1-1.5-1.5v-5A1.5 1.5 0 0 1 5 8ZM10 8V4.5M10 4.2v-.2M7.5 11.5v1M12.5 11.5v1";
    public const string Check = "m4.5 10.5 3.5 3.5 7.5-8";
    public const string ChevronDown = "m5.5 8 4.5 4.5L14.5 8";
    public const string ChevronUp = "m5.5 12 4.5-4.5 4.5 4.5";
    public const string Clock = "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM10 6.5V10l2.5 1.5";
    public const string Close = "m5 5 10 10M15 5 5 15";
    public const string Cut = "M3.5 10h4M12.5 10h4M8.5 6.5l3 7";
    public const string Download = "M10 3.5v9M6.5 9.5 10 13l3.5-3.5M4 16.5h12";
    public const string Ear = "M6 8a4 4 0 0 1 8 0c0 3-2.5 3.5-2.5 6A2.5 2.5 0 0 1 7 15M8.5 8a1.5 1.5 0 0 1 3 0c0 1.5-1.5 1.5-1.5 3";
    public const string EndCall = "M3 12.5c-1-3.5 3-6 7-6s8 2.5 7 6c-.2.7-.8.9-1.5.7l-2-.6c-.6-.2-.9-.7-.9-1.3V10c-1.6-.5-3.6-.5-5.2 0v1.3c0 .6-.3 1.1-.9 1.3l-2 .6c-.7.2-1.3 0-1.5-.7Z";
    public const string Gear = "M10 12.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2ZM8.6 3.2h2.8l.4 2 1.5.9 2-.7 1.4 2.4-1.6 1.3v1.8l1.6 1.3-1.4 2.4-2-.7-1.5.9-.4 2H8.6l-.4-2-1.5-.9-2 .7-1.4-2.4 1.6-1.3V9.1L3.3 7.8l1.4-2.4 2 .7 1.5-.9Z";
    public const string Headset = "M4 12v-2a6 6 0 0 1 12 0v2M4 11.5h2v4H5a1 1 0 0 1-1-1ZM16 11.5h-2v4h1a1 1 0 0 0 1-1Z";
    public const string Help = "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 8a2 2 0 1 1 2.8 1.9c-.5.2-.8.6-.8 1.1v.3M10 13.4v.1";
    public const string Info = "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM10 9.5v3.5M10 6.8v.1";
    public const string Key = "M13 3.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10.4 9.6 4 16M6 14l2 2";
    public const string Keypad = "M5.5 5.5h.01M10 5.5h.01M14.5 5.5h.01M5.5 10h.01M10 10h.01M14.5 10h.01M5.5 14.5h.01M10 14.5h.01M14.5 14.5h.01";
    public const string List = "M4 6h12M4 10h12M4 14h8";
    public const string Lock = "M5 9.5h10v7H5ZM7 9.5V7a3 3 0 0 1 6 0v2.5";
    public const string Mail = "M3.5 5h13v10h-13ZM3.8 5.6 10 10.5l6.2-4.9";
    public const string Menu = "M3.5 5.5h13M3.5 10h13M3.5 14.5h13";
    public const string Microphone = "M10 3.5a2 2 0 0 1 2 2v4a2 2 0 0 1-4 0v-4a2 2 0 0 1 2-2ZM5.5 9.5a4.5 4.5 0 0 0 9 0M10 14v2.5";
    public const string Monitor = "M3.5 4.5h13v8.5h-13ZM7.5 16h5M10 13v3";
    public const string Moon = "M15.5 11.8A6 6 0 0 1 8.2 4.5a6 6 0 1 0 7.3 7.3Z";
    public const string Note = "M5 3.5h10v13H5ZM7.5 7h5M7.5 10h5M7.5 13h3";
    public const string Panel = "M3.5 4.5h13v11h-13ZM12 4.5v11";
    public const string People = "M7.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM2.8 15.5c.4-2.5 2.3-3.8 4.7-3.8s4.3 1.3 4.7 3.8M12.5 4.7a2.5 2.5 0 0 1 0 4.6M14 12c1.8.5 2.9 1.7 3.2 3.5";
    public const string Person = "M10 10a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 10 10ZM4.5 16.2c.5-2.6 2.7-4 5.5-4s5 1.4 5.5 4";
    public const string Phone = "M6.2 3.5 8 7.2 6.5 8.7c.7 2 2.3 3.7 4.5 4.8l1.6-1.6 3.9 1.7v2.2c0 .5-.4.9-.9.9C9 16.5 3.5 10.8 3.5 4.4c0-.5.4-.9.9-.9Z";
    public const string Plug = "M7.5 3.5v3.5M12.5 3.5v3.5M5.5 7h9v2.5a4.5 4.5 0 0 1-9 0ZM10 14v2.5";
    public const string Pulse = "M3 10.5h3l2-5.5 4 10 2-4.5h3";
    public const string Restart = "M15.5 6.5v-3M15.5 6.5h-3M15.3 6.3a6.5 6.5 0 1 0 1.2 4.2";
    public const string Seal = "M10 2.8 15.8 5v4.6c0 3.6-2.3 6.2-5.8 7.6-3.5-1.4-5.8-4-5.8-7.6V5ZM7.4 9.8l2 2 3.4-3.6";
    public const string Search = "M8.8 14.1a5.3 5.3 0 1 0 0-10.6 5.3 5.3 0 0 0 0 10.6ZM12.7 12.7l3.8 3.8";
    public const string Send = "M16.5 3.5 9 11M16.5 3.5l-4.7 13L9 11 3.5 8.2Z";
    public const string Signal = "M4 16v-2.5M8 16v-5M12 16V8M16 16V4.5";
    public const string SignOut = "M12 4H5.5A1.5 1.5 0 0 0 4 5.5v9A1.5 1.5 0 0 0 5.5 16H12M9 10h7.5M14 7.5l2.5 2.5-2.5 2.5";
    public const string Sliders = "M3.5 6h6M13.5 6h3M3.5 14h3M10.5 14h6M11.5 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8.5 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z";
    public const string Sun = "M10 13.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M15.3 4.7l-1 1M5.7 14.3l-1 1";
    public const string Swap = "M4 7h11M12.2 4.2 15 7l-2.8 2.8M16 13H5M7.8 10.2 5 13l2.8 2.8";
    public const string Tool = "M12.5 4a3.8 3.8 0 0 0-4.3 5L3.8 13.4a1.6 1.6 0 0 0 2.3 2.3L10.5 11.3a3.8 3.8 0 0 0 5-4.3L13.3 9 11 8.5 10.5 6.2Z";
    public const string User = "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM10 10.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM6 15c.6-1.8 2.1-2.7 4-2.7s3.4.9 4 2.7";
    public const string Unsaved = "M4.5 6c0-1.4 2.5-2.5 5.5-2.5s5.5 1.1 5.5 2.5-2.5 2.5-5.5 2.5S4.5 7.4 4.5 6ZM4.5 6v4c0 1.4 2.5 2.5 5.5 2.5M4.5 10v4c0 1.4 2.5 2.5 5.5 2.5M15.5 6v4M15.5 13v2.5M15.5 17.5v.1";
    public const string Warning = "M10 4 17 16H3ZM10 8.5v3.5M10 13.9v.1";
    public const string Wave = "M3.5 9v2M6.7 6.5v7M10 4v12M13.3 7v6M16.5 9v2";
}
