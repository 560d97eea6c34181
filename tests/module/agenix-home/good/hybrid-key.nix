# holds: age-keygen -pq -o
{
  age = {
    keyFile = "/home/alice/.config/agenix/key.txt";
    generateKey = true;
    keyType = "hybrid";
    secrets.token.file = ../../files/secret.age;
  };
}
